import '../design/base.css'
import { createApp } from 'vue'
import ScreenPage from './ScreenPage.vue'

createApp(ScreenPage).mount('#app')
