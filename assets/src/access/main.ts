import '../design/base.css'
import { createApp } from 'vue'
import { useRememberedTheme } from '../design/theme'
import LoginPage from './LoginPage.vue'

useRememberedTheme()
createApp(LoginPage).mount('#app')
