import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import WallPage from './WallPage.vue'

createApp(WallPage).use(createPinia()).mount('#app')
