import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { onSignedOut } from '../access/http'
import { toLogin } from '../access/session'
import { useRememberedTheme } from '../design/theme'
import RegistryPage from './RegistryPage.vue'

useRememberedTheme()
onSignedOut(toLogin)
createApp(RegistryPage).use(createPinia()).mount('#app')
