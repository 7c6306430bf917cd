import type { Geometry } from 'geojson'
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { request } from '../access/http'
import type { Place } from '../cases/types'
import { t } from '../i18n'
import type { LiveEvent } from '../live/messages'

export interface Grid {
  code: string
  parent: string | null
  level: 'street' | 'community' | 'grid'
  kind: 'service' | 'unit'
  name: string
  households: number | null
  label: Place
  bbox: [number, number, number, number]
}

export interface GridCard extends Grid {
  officers: { name: string; post: string; phone_masked: string; on_duty: boolean }[]
  buildings: number
  cameras: { total: number; online: number }
  open: { total: number; green: number; yellow: number; red: number; grey: number }
}

/** One place where the grids do not cover the ground as they should. */
export interface Fault {
  type: 'Feature'
  properties: {
    kind: 'crossed' | 'gap' | 'overlap' | 'outside' | 'uncovered' | 't_vertex'
    cells: string[]
    parent?: string
    area_m2: number
    width_m: number
    sliver: boolean
    at: [number, number]
    /** What the map calls it. */
    word?: string
  }
  geometry: Geometry
}

export interface Faults {
  type: 'FeatureCollection'
  features: Fault[]
}

export interface TownMapInfo {
  bounds: [number, number, number, number]
  center: [number, number]
  layers: string[]
  /** Pictures under everything; null or absent: the site's own backdrop. */
  basemap?: { minzoom: number; maxzoom: number; tile_size: number; attribution: string } | null
  title: string
  /** IANA name; a server that does not say is in China. */
  time_zone?: string
}

/** The grids by code, and what the map of this site is. */
export const useGrids = defineStore('grids', () => {
  const grids = shallowRef(new Map<string, Grid>())
  const map = shallowRef<TownMapInfo | null>(null)
  /** Faults of the coverage; null until somebody asks. */
  const faults = shallowRef<Faults | null>(null)
  /** Layers that changed, with how often: the map asks for their tiles again. */
  const revision = ref<Record<string, number>>({})

  const cells = computed(() => [...grids.value.values()].filter((grid) => grid.level === 'grid'))
  const streets = computed(() => [...grids.value.values()].filter((grid) => grid.level === 'street'))
  const timeZone = computed(() => map.value?.time_zone ?? 'Asia/Shanghai')

  async function load(): Promise<void> {
    const [list, info] = await Promise.all([
      request<{ grids: Grid[] }>('/api/v1/grids'),
      request<TownMapInfo>('/api/v1/map'),
    ])
    grids.value = new Map(list.grids.map((grid) => [grid.code, grid]))
    map.value = info
  }

  async function loadFaults(): Promise<void> {
    showFaults(await request<Faults>('/api/v1/grids/coverage'))
  }

  function showFaults(found: Faults): void {
    for (const { properties } of found.features) properties.word = t(`grids.fault.${properties.kind}`)
    faults.value = found
  }

  function apply(event: LiveEvent): void {
    switch (event.type) {
      case 'grid.changed':
        void load()
        bump('grids')
        break
      case 'building.changed':
        bump('buildings')
        break
      case 'backdrop.changed':
        void load()
        bump('backdrop')
        break
      case 'camera.changed':
        bump('cameras')
        break
      case 'camera.state':
      case 'camera.driver':
      case 'case.reported':
      case 'case.moved':
      case 'case.merged':
      case 'case.followed':
      case 'alarm.changed':
      case 'alarm.flood':
      case 'wall.changed':
      case 'wall.scene':
      case 'wall.shown':
        break
      default:
        event satisfies never
    }
  }

  function bump(layer: string): void {
    revision.value = { ...revision.value, [layer]: (revision.value[layer] ?? 0) + 1 }
  }

  return { grids, cells, streets, map, faults, revision, timeZone, load, loadFaults, showFaults, reload: load, apply }
})
