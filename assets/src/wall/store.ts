import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { post, put, request } from '../access/http'
import type { Named } from '../i18n'
import type { LiveEvent } from '../live/messages'
import { serverNow } from '../live/socket'
import type { Content, Scene } from './scenes'

export interface Screen {
  id: string
  name: string
  width_px: number
  height_px: number
  pitch_mm: number
  bezel_mm: number
  seat_m: number
}

export interface Wall {
  id: string
  revision: number
  title: Named
  subtitle: Named
  /** Camera ids that tours without cameras of their own go through. */
  strip: string[]
  dwell_s: number
  screens: Screen[]
}

export interface Shown {
  scene: string
  tiles?: Record<string, Content>
}

export interface Show {
  wall: string
  revision: number
  /** RFC 3339: all screens change at this moment of the server's clock. */
  switch_at: string
  screens: Record<string, Shown>
}

export interface Holder {
  account: number
  name: string
  since: string
}

export interface ScreenReport {
  screen: string
  seen_s: number
  fps: number | null
  report: Partial<Said>
}

/** What a screen says of itself with its heartbeat. */
export interface Said {
  scene: string
  revision: number
  videos: number
  playing: number
  /** Since the stalest playing picture had a new frame, ms. */
  frame_age_ms: number
  /** Frames that were not painted, of all that were decoded. */
  dropped: number
  decoded: number
  /** Pixels of all pictures that are decoded in a second, millions: what the machine behind the screen is asked for. */
  decode_mpx_s: number
  /** The screen in small as a data: URL, pictures as they are, everything else as its box; at most 8 KiB. */
  thumbnail: string
  faults: { kind: string; text: string; value: number; needed: number }[]
}

export interface Order {
  take?: boolean
  take_over?: boolean
  release?: boolean
  screen?: string
  scene?: string
  tile?: string
  content?: Content
}

/** However clocks differ, a screen waits no longer for the moment of a switch than this, ms. */
const longestWaitMs = 1_000

/** What this wall is made of and what its screens show, as its desk has set it. */
export const useWall = defineStore('wall', () => {
  const id = /^\/wall\/([^/]+)/.exec(location.pathname)?.[1] ?? 'main'
  const wall = shallowRef<Wall | null>(null)
  const scenes = shallowRef<Scene[]>([])
  const show = shallowRef<Show | null>(null)
  const holder = shallowRef<Holder | null>(null)
  const reports = shallowRef<ScreenReport[]>([])

  const sceneOf = (screen: string): Scene | null => {
    const wanted = show.value?.screens[screen]?.scene
    return scenes.value.find((scene) => scene.id === wanted) ?? scenes.value[0] ?? null
  }
  /** The scene of a screen with what was put into its tiles. */
  const shownOn = (screen: string): Scene | null => {
    const scene = sceneOf(screen)
    const put = show.value?.screens[screen]
    if (scene === null || put?.tiles === undefined || put.scene !== scene.id) return scene
    const tiles = put.tiles
    return { ...scene, tiles: scene.tiles.map((tile) => ({ ...tile, content: tiles[tile.id] ?? tile.content })) }
  }
  const screens = computed(() => wall.value?.screens ?? [])

  async function loadWall(): Promise<void> {
    wall.value = await request<Wall>(`/api/v1/walls/${id}`)
  }

  async function loadScenes(): Promise<void> {
    scenes.value = (await request<{ scenes: Scene[] }>('/api/v1/scenes')).scenes
  }

  async function loadShow(): Promise<void> {
    const answer = await request<{ show: Show; holder?: Holder | null; screens?: ScreenReport[] }>(`/api/v1/walls/${id}/show`)
    if (answer.show.revision >= (show.value?.revision ?? 0)) show.value = answer.show
    holder.value = answer.holder ?? null
    reports.value = answer.screens ?? []
  }

  async function load(): Promise<void> {
    await Promise.all([loadWall(), loadScenes(), loadShow()])
  }

  function apply(event: LiveEvent): void {
    if (event.type === 'wall.changed' && event.data.wall === id) void loadWall()
    else if (event.type === 'wall.scene') void loadScenes()
    else if (event.type === 'wall.shown' && event.data.wall === id) {
      const next = event.data
      const wait = Date.parse(next.switch_at) - serverNow()
      setTimeout(() => {
        if (next.revision > (show.value?.revision ?? 0)) show.value = next
      }, Math.max(0, Math.min(longestWaitMs, wait)))
    }
  }

  async function drive(order: Order): Promise<void> {
    await post<Show>(`/api/v1/walls/${id}/show`, order)
    await loadShow()
  }

  const saveScene = (scene: Scene) => put<Scene>(`/api/v1/scenes/${scene.id}`, scene)
  const removeScene = (scene: string) => request(`/api/v1/scenes/${scene}`, { method: 'DELETE' })
  const saveWall = (changed: Wall) => put<Wall>(`/api/v1/walls/${id}`, changed)

  return { id, wall, screens, scenes, show, holder, reports, sceneOf, shownOn, load, reload: load, loadShow, loadScenes, loadWall, apply, drive, saveScene, removeScene, saveWall }
})
