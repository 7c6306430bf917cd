import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { onSignedOut } from '../access/http'
import { toLogin } from '../access/session'
import { useRememberedTheme } from '../design/theme'
import DeskPage from './DeskPage.vue'

useRememberedTheme()
onSignedOut(toLogin)
createApp(DeskPage).use(createPinia()).mount('#app')
