/**
 * The groups of a tour: cameras that are dark are left out and counted, pinned ones stand in every group, dark or not. When all
 * are dark they are shown all the same: a wall that shows nothing says nothing.
 */
export function groupsOf(ids: readonly string[], pinned: readonly string[], size: number, dark: (id: string) => boolean): { groups: string[][]; skipped: number } {
  const moving = ids.filter((id) => !pinned.includes(id))
  const lit = moving.filter((id) => !dark(id))
  const kept = lit.length > 0 ? lit : moving
  const room = Math.max(1, size - pinned.length)
  const count = Math.max(1, Math.ceil(kept.length / room))
  const groups = Array.from({ length: count }, (_, n) => [...pinned, ...kept.slice(n * room, (n + 1) * room)])
  return { groups, skipped: moving.length - kept.length }
}
