import { shallowRef } from 'vue'
import { request } from '../access/http'
import type { Place } from '../cases/types'

/** What the map shows of sight; each feature has kind: view, blind or more. */
export const shown = shallowRef<GeoJSON.FeatureCollection>({ type: 'FeatureCollection', features: [] })

export type Kind = 'view' | 'blind' | 'more'

export function show(parts: Partial<Record<Kind, GeoJSON.Geometry>>): void {
  shown.value = {
    type: 'FeatureCollection',
    features: Object.entries(parts).map(([kind, geometry]) => ({ type: 'Feature', properties: { kind }, geometry })),
  }
}

interface View {
  direction_known: boolean
  indoor: boolean
  view: GeoJSON.MultiPolygon
}

export const viewOf = (camera: string) => request<View>(`/api/v1/cameras/${encodeURIComponent(camera)}/view`)

export const times = ['day', 'night'] as const
export type Time = (typeof times)[number]

/** How much of a grid's open ground no camera sees, and how much of its streets and building fronts is seen; shares 0…1, null where there are none. */
export interface GridSight {
  time: Time
  points: number
  blind_share: number
  streets_seen: number | null
  fronts_seen: number | null
  cameras: number
  direction_unknown: number
  lamp_unknown: number
  step_m: number
  blind: GeoJSON.MultiPoint
  more: { location: Place; bearing: number; sees_share: number; view: GeoJSON.MultiPolygon } | null
}

export const sightOf = (grid: string, time: Time) => request<GridSight>(`/api/v1/grids/${encodeURIComponent(grid)}/sight?time=${time}`)
