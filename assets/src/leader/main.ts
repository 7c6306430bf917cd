import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { onSignedOut } from '../access/http'
import { toLogin } from '../access/session'
import { useRememberedTheme } from '../design/theme'
import LeaderPage from './LeaderPage.vue'

useRememberedTheme()
onSignedOut(toLogin)
createApp(LeaderPage).use(createPinia()).mount('#app')
