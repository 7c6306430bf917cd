import { defineStore } from 'pinia'
import { computed, ref, shallowRef, triggerRef } from 'vue'
import { request } from '../access/http'
import type { LiveEvent } from '../live/messages'
import { isDark, type Camera } from './types'

/** Every camera that this page may see, keyed by id, with its state as last told. */
export const useCameras = defineStore('cameras', () => {
  const cameras = shallowRef(new Map<string, Camera>())
  const seq = ref(0)
  const watchers = new Set<(ids: string[]) => void>()

  const total = computed(() => cameras.value.size)
  const dark = computed(() => {
    let count = 0
    for (const camera of cameras.value.values()) if (isDark(camera.state)) count += 1
    return count
  })

  async function load(): Promise<void> {
    const answer = await request<{ seq: number; cameras: Camera[] }>('/api/v1/cameras')
    seq.value = answer.seq
    cameras.value = new Map(answer.cameras.map((camera) => [camera.id, camera]))
    tell([...cameras.value.keys()])
  }

  function apply(event: LiveEvent): void {
    if (event.seq <= seq.value) return
    if (event.type === 'camera.changed') {
      void load()
      return
    }
    if (event.type !== 'camera.state') return
    const changed: string[] = []
    for (const { id, state, reason, since } of event.data.cameras) {
      const camera = cameras.value.get(id)
      if (camera === undefined) continue
      cameras.value.set(id, { ...camera, state, reason, since })
      changed.push(id)
    }
    triggerRef(cameras)
    tell(changed)
  }

  function tell(ids: string[]): void {
    for (const watcher of watchers) watcher(ids)
  }

  function onChange(watcher: (ids: string[]) => void): () => void {
    watchers.add(watcher)
    return () => watchers.delete(watcher)
  }

  return { cameras, seq, total, dark, load, reload: load, apply, onChange }
})
