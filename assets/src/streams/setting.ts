import type { Transport } from './player'

/** `?video=mse` or `?video=whep` holds a page to one transport; by default WHEP first, MSE when it cannot. */
export function transports(): readonly Transport[] {
  const wanted = new URLSearchParams(location.search).get('video')
  if (wanted === 'mse' || wanted === 'whep') return [wanted]
  return ['whep', 'mse']
}
