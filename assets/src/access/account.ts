import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { useRememberedTheme } from '../design/theme'
import AccountPage from './AccountPage.vue'
import { onSignedOut } from './http'
import { toLogin } from './session'

useRememberedTheme()
onSignedOut(toLogin)
createApp(AccountPage).use(createPinia()).mount('#app')
