import '../design/base.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import WallPage from './WallPage.vue'

// Dark unless the address says light: for a bright hall.
document.documentElement.dataset.theme = new URLSearchParams(location.search).get('theme') === 'light' ? 'light' : 'dark'
createApp(WallPage).use(createPinia()).mount('#app')
