import type { Content } from './scenes'

/** What is dragged onto a wall: something for a tile, or a whole scene. */
export type Load = { content: Content } | { scene: string }

const type = 'application/x-gridwall'

export function lift(event: DragEvent, load: Load): void {
  event.dataTransfer?.setData(type, JSON.stringify(load))
  if (event.dataTransfer !== null) event.dataTransfer.effectAllowed = 'copy'
}

export function carries(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes(type) ?? false
}

export function dropped(event: DragEvent): Load | null {
  const text = event.dataTransfer?.getData(type) ?? ''
  return text === '' ? null : (JSON.parse(text) as Load)
}
