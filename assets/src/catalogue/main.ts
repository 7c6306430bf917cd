import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { onSignedOut } from '../access/http'
import { toLogin } from '../access/session'
import { useRememberedTheme } from '../design/theme'
import CataloguePage from './CataloguePage.vue'

useRememberedTheme()
onSignedOut(toLogin)
createApp(CataloguePage).use(createPinia()).mount('#app')
