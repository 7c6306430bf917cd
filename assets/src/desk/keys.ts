import { onBeforeUnmount, onMounted } from 'vue'

/** A number is the move of that number. */
export type Command = number | 'newest' | 'rain' | 'accept' | 'dispatch' | 'whistle' | 'next' | 'previous' | 'beside' | 'other' | 'parallel' | 'act' | 'report' | 'near' | 'search' | 'whole' | 'alarms' | 'acknowledge' | 'wall' | 'undo' | 'help' | 'leave'

const commands: Record<string, Command> = {
  j: 'next',
  k: 'previous',
  ']': 'beside',
  '[': 'other',
  p: 'parallel',
  enter: 'act',
  o: 'newest',
  r: 'rain',
  c: 'accept',
  d: 'dispatch',
  b: 'whistle',
  n: 'report',
  v: 'near',
  '/': 'search',
  g: 'whole',
  m: 'alarms',
  a: 'acknowledge',
  w: 'wall',
  z: 'undo',
  '?': 'help',
  escape: 'leave',
}

/** What a key means on the desk; null while somebody is typing, Escape aside. */
export function commandOf(key: string, target: EventTarget | null): Command | null {
  const command = /^[1-9]$/.test(key) ? Number(key) : (commands[key.toLowerCase()] ?? null)
  if (command === 'leave' || !(target instanceof HTMLElement)) return command
  if (target.matches('input, textarea, select, [contenteditable]')) return null
  return command === 'act' && target.matches('button, a, label') ? null : command
}

export function useKeys(act: (command: Command) => void): void {
  function key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const command = commandOf(event.key, event.target)
    if (command === null) return
    event.preventDefault()
    act(command)
  }
  onMounted(() => window.addEventListener('keydown', key))
  onBeforeUnmount(() => window.removeEventListener('keydown', key))
}
