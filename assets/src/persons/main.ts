import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { onSignedOut } from '../access/http'
import { toLogin } from '../access/session'
import { useRememberedTheme } from '../design/theme'
import PersonsPage from './PersonsPage.vue'

useRememberedTheme()
onSignedOut(toLogin)
createApp(PersonsPage).use(createPinia()).mount('#app')
