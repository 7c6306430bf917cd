import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { onSignedOut } from '../access/http'
import { toLogin } from '../access/session'
import { useRememberedTheme } from '../design/theme'
import AuditPage from './AuditPage.vue'

useRememberedTheme()
onSignedOut(toLogin)
createApp(AuditPage).use(createPinia()).mount('#app')
