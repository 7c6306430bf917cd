import type { Transport } from './player'

/**
 * `?video=mse` or `?video=whep` holds a page to one transport; by default WHEP first, MSE when it cannot. A camera that the
 * registry calls dark is waited for over MSE: its socket stays open, says why, and starts when the camera is back.
 */
export function transports(dark: boolean, search = location.search): readonly Transport[] {
  const wanted = new URLSearchParams(search).get('video')
  if (wanted === 'mse' || wanted === 'whep') return [wanted]
  return dark ? ['mse'] : ['whep', 'mse']
}
