import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { useRememberedTheme } from '../design/theme'
import EnrolPage from './EnrolPage.vue'
import { onSignedOut } from './http'
import { toLogin } from './session'

useRememberedTheme()
onSignedOut(toLogin)
createApp(EnrolPage).use(createPinia()).mount('#app')
