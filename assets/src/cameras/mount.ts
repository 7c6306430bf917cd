import type { Sector } from '../ptz/drive'

/** How a head's own numbers are degrees, and where it may not look. */
export interface Mount {
  /** Of the ONVIF device service, without credentials; empty: the host of the camera's address. */
  address: string
  /** Bearing at pan 0; null: nobody knows it. */
  zero_deg: number | null
  /** To either side of pan 0. */
  pan_deg: number
  tilt_low_deg: number
  tilt_high_deg: number
  /** Degrees a second at full speed. */
  speed_deg: number
  no_look: Sector[]
}

/** A path of SVG, north up: from one bearing clockwise to another; all around where they lie 360° or more apart. */
export function wedge(from: number, to: number, radius: number): string {
  const round = (n: number) => Number(n.toFixed(2))
  const at = (deg: number) => `${round(radius * Math.sin((deg * Math.PI) / 180))} ${round(-radius * Math.cos((deg * Math.PI) / 180))}`
  const width = to - from >= 360 ? 360 : (((to - from) % 360) + 360) % 360
  if (width === 0 && from === to) return ''
  if (width === 0 || width === 360) return `M${at(0)}A${radius} ${radius} 0 1 1 ${at(180)}A${radius} ${radius} 0 1 1 ${at(0)}Z`
  return `M0 0L${at(from)}A${radius} ${radius} 0 ${width > 180 ? 1 : 0} 1 ${at(from + width)}Z`
}

/** A sector around where a head looks: 20° wide, from as low as it goes to as high. */
export function around(bearing: number, mount: Mount, name: string): Sector {
  const turn = (deg: number) => (Math.round(deg) + 360) % 360
  return { name, from_deg: turn(bearing - 10), to_deg: turn(bearing + 10), low_deg: mount.tilt_low_deg, high_deg: mount.tilt_high_deg }
}
