import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { onSignedOut } from '../access/http'
import { toLogin } from '../access/session'
import { useRememberedTheme } from '../design/theme'
import CheckPage from './CheckPage.vue'

useRememberedTheme()
onSignedOut(toLogin)
createApp(CheckPage).use(createPinia()).mount('#app')
