export interface Point {
  x: number
  y: number
}

export interface Size {
  width: number
  height: number
}

/** Free rectangle in px, and how far a card stands off its place. */
export interface Area {
  left: number
  top: number
  right: number
  bottom: number
  gap: number
}

/**
 * Where a card of this size stands for a place: above right, above left, below right, below left, the first that lies wholly
 * inside the free area; else above right, pushed inside. `foot` is the corner of the card that the leader line runs to.
 */
export function corner(at: Point, size: Size, area: Area): Point & { foot: Point } {
  for (const [right, above] of [[true, true], [false, true], [true, false], [false, false]] as const) {
    const x = right ? at.x + area.gap : at.x - area.gap - size.width
    const y = above ? at.y - area.gap - size.height : at.y + area.gap
    if (x < area.left || y < area.top || x + size.width > area.right || y + size.height > area.bottom) continue
    return { x, y, foot: { x: right ? x : x + size.width, y: above ? y + size.height : y } }
  }
  const x = clamp(at.x + area.gap, area.left, area.right - size.width)
  const y = clamp(at.y - area.gap - size.height, area.top, area.bottom - size.height)
  return { x, y, foot: { x: clamp(at.x, x, x + size.width), y: clamp(at.y, y, y + size.height) } }
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high))
}
