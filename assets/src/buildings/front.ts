export interface FloorRow {
  floor: number
  /** Empty where so many floors stand over each other that not each can have its number. */
  label: string
  units: number[]
}

/** The front of a building, topmost floor first; empty where floors are not known. One stairway where theirs are not. */
export function front(floors: number, units: number): FloorRow[] {
  const every = Math.max(1, Math.ceil(floors / 20))
  return Array.from({ length: floors }, (_, n) => {
    const floor = floors - n
    return {
      floor,
      label: floor === 1 || floor === floors || floor % every === 0 ? String(floor) : '',
      units: Array.from({ length: Math.max(1, units) }, (_, u) => u + 1),
    }
  })
}
