import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { request } from '../access/http'
import type { Named } from '../i18n'
import type { LiveEvent } from '../live/messages'

export interface Wall {
  id: string
  revision: number
  title: Named
  subtitle: Named
  /** Camera ids, six a page. */
  strip: string[]
  dwell_s: number
}

const pageSize = 6

/** What this wall shows, as its desk has set it. */
export const useWall = defineStore('wall', () => {
  const id = /^\/wall\/([^/]+)/.exec(location.pathname)?.[1] ?? 'main'
  const wall = shallowRef<Wall | null>(null)

  const pages = computed(() => {
    const strip = wall.value?.strip ?? []
    const count = Math.max(1, Math.ceil(strip.length / pageSize))
    return Array.from({ length: count }, (_, n) => strip.slice(n * pageSize, (n + 1) * pageSize))
  })

  async function load(): Promise<void> {
    wall.value = await request<Wall>(`/api/v1/walls/${id}`)
  }

  function apply(event: LiveEvent): void {
    if (event.type === 'wall.changed' && event.data.wall === id) void load()
  }

  return { id, wall, pages, load, reload: load, apply }
})
