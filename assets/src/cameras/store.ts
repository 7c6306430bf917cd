import { defineStore } from 'pinia'
import { computed, shallowRef, triggerRef } from 'vue'
import { request } from '../access/http'
import type { LiveEvent } from '../live/messages'
import { isDark, type Camera } from './types'

type State = Pick<Camera, 'id' | 'state' | 'reason' | 'since'>

/** Every camera that this page may see, keyed by id, with its state as last told. */
export const useCameras = defineStore('cameras', () => {
  const cameras = shallowRef(new Map<string, Camera>())
  /** States as the log tells them; the list may be on its way while they change. */
  const states = new Map<string, Pick<Camera, 'state' | 'reason' | 'since'>>()
  const watchers = new Set<(ids: string[]) => void>()

  const total = computed(() => cameras.value.size)
  const dark = computed(() => {
    let count = 0
    for (const camera of cameras.value.values()) if (isDark(camera.state)) count += 1
    return count
  })

  async function load(): Promise<void> {
    const answer = await request<{ cameras: Camera[] }>('/api/v1/cameras')
    cameras.value = new Map(answer.cameras.map((camera) => [camera.id, { ...camera, ...states.get(camera.id) }]))
    tell([...cameras.value.keys()])
  }

  function snapshot(rows: { row: unknown }[]): void {
    states.clear()
    show((rows as { row: State }[]).map(({ row }) => row))
  }

  function apply(event: LiveEvent): void {
    if (event.type === 'camera.changed') void load()
    else if (event.type === 'camera.state') show(event.data.cameras)
  }

  function show(told: State[]): void {
    for (const { id, state, reason, since } of told) {
      states.set(id, { state, reason, since })
      const camera = cameras.value.get(id)
      if (camera !== undefined) cameras.value.set(id, { ...camera, state, reason, since })
    }
    triggerRef(cameras)
    tell(told.map(({ id }) => id))
  }

  function tell(ids: string[]): void {
    for (const watcher of watchers) watcher(ids)
  }

  function onChange(watcher: (ids: string[]) => void): () => void {
    watchers.add(watcher)
    return () => watchers.delete(watcher)
  }

  return { topic: 'cameras', cameras, total, dark, load, reload: load, snapshot, apply, onChange }
})
