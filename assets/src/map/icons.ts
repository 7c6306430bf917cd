import type { Map as MapLibre } from 'maplibre-gl'
import type { Palette } from './palette'

type Pen = OffscreenCanvasRenderingContext2D
type Draw = (g: Pen, p: Palette) => void

/** Icons are drawn, not shipped: size in px at scale 1, centre at 0,0. */
const icons: Record<string, { size: number; draw: Draw }> = {
  camera: { size: 20, draw: (g, p) => camera(g, p, p['map-camera'], false) },
  'camera-dark': { size: 20, draw: (g, p) => camera(g, p, p.offline, true) },
  wedge: { size: 88, draw: wedge },
}

/** Puts every icon on the map, or redraws it for another theme or size. */
export function addIcons(map: MapLibre, palette: Palette, scale: number): void {
  const density = window.devicePixelRatio
  for (const [name, { size, draw }] of Object.entries(icons)) {
    const side = Math.round(size * scale * density)
    const canvas = new OffscreenCanvas(side, side)
    const g = canvas.getContext('2d')
    if (g === null) return
    g.scale(side / size, side / size)
    g.translate(size / 2, size / 2)
    draw(g, palette)
    if (map.hasImage(name)) map.removeImage(name)
    map.addImage(name, g.getImageData(0, 0, side, side), { pixelRatio: density })
  }
}

function camera(g: Pen, p: Palette, color: string, struck: boolean): void {
  g.beginPath()
  g.roundRect(-9, -9, 18, 18, 4)
  g.fillStyle = p['map-ground']
  g.fill()
  g.lineWidth = 1.25
  g.strokeStyle = color
  g.stroke()
  g.fillStyle = color
  g.beginPath()
  g.roundRect(-5.5, -3.5, 7.5, 7, 1.25)
  g.moveTo(2.75, -0.75)
  g.lineTo(6, -3)
  g.lineTo(6, 3)
  g.lineTo(2.75, 0.75)
  g.fill()
  if (!struck) return
  g.strokeStyle = p['map-ground']
  g.lineWidth = 3.5
  line(g, -6, 6, 6, -6)
  g.strokeStyle = color
  g.lineWidth = 1.5
  line(g, -6.5, 6.5, 6.5, -6.5)
}

/** Points north from the lower edge, so that the map turns it by the camera's bearing. */
function wedge(g: Pen, p: Palette): void {
  g.translate(0, 44)
  g.beginPath()
  g.moveTo(0, 0)
  g.arc(0, 0, 84, -Math.PI / 2 - 0.46, -Math.PI / 2 + 0.46)
  g.closePath()
  g.globalAlpha = 0.14
  g.fillStyle = p['map-camera']
  g.fill()
  g.globalAlpha = 0.55
  g.strokeStyle = p['map-camera']
  g.lineWidth = 0.75
  g.stroke()
}

function line(g: Pen, x1: number, y1: number, x2: number, y2: number): void {
  g.beginPath()
  g.moveTo(x1, y1)
  g.lineTo(x2, y2)
  g.stroke()
}
