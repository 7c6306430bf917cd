import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { compress } from './compress.ts'
import { keep } from './keep.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  base: '/',
  plugins: [vue(), keep(at('dist')), compress(at('dist'))],
  define: { __VUE_OPTIONS_API__: false },
  worker: { format: 'es' },
  build: {
    outDir: at('dist'),
    assetsDir: 'static',
    // Inlined data: URLs would need holes in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      // A page an entry: the wall does not load the desk, and the login loads neither.
      input: { desk: at('index.html'), wall: at('wall.html'), walls: at('walls.html'), alarms: at('alarms.html'), cameras: at('cameras.html'), audit: at('audit.html'), persons: at('persons.html'), catalogue: at('catalogue.html'), evaluation: at('evaluation.html'), leader: at('leader.html'), login: at('login.html'), account: at('account.html'), enrol: at('enrol.html'), screen: at('screen.html') },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
  },
})
