import { decodes } from './decoder'
import type { Transport } from './player'

const all: readonly Transport[] = ['page', 'codecs', 'whep', 'mse']

/**
 * The order in which a tile tries. One among many comes over the page's socket; one that somebody looks at closely over
 * WebRTC, which is a few frames sooner. A camera that the registry calls dark is waited for on a socket, which says why and
 * starts when the camera is back. `?video=page`, `whep` or `mse` holds a page to one of them; with `?video=codecs` a wall
 * asks for the lowest delay, which it gets where the browser decodes by itself (WebCodecs; a secure context).
 */
export function transports(dark: boolean, close: boolean, search = location.search): readonly Transport[] {
  const wanted = all.find((transport) => transport === new URLSearchParams(search).get('video'))
  if (wanted === 'codecs') return decodes() ? ['codecs', 'page'] : ['page', 'whep']
  if (wanted !== undefined) return [wanted]
  if (dark) return ['page']
  return close ? ['whep', 'page'] : ['page', 'whep']
}
