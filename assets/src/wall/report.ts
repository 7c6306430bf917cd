import { token } from '../design/theme'
import type { Said } from './store'

/** A report is at most 16 KiB; a picture that is larger than half of it is left out. */
const largestThumbnail = 8 << 10
const thumbnail = { width: 192, height: 108 }

interface Seen {
  frames: number
  at: number
}

/** Watches the pictures of the page, and says how they are. The returned `stop` ends it. */
export function watchPictures(): { say: () => Pick<Said, 'videos' | 'playing' | 'frame_age_ms' | 'dropped' | 'decoded' | 'decode_mpx_s' | 'thumbnail'>; stop: () => void } {
  const seen = new WeakMap<HTMLVideoElement, Seen>()
  const pictures = () => [...document.querySelectorAll<HTMLVideoElement>('[data-camera] video')]
  const look = () => {
    const at = performance.now()
    for (const video of pictures()) {
      const frames = video.getVideoPlaybackQuality().totalVideoFrames
      if (seen.get(video)?.frames !== frames) seen.set(video, { frames, at })
    }
  }
  let said = { at: performance.now(), decoded: 0 }
  const timer = setInterval(look, 500)
  return {
    stop: () => clearInterval(timer),
    say() {
      look()
      const all = pictures()
      const playing = all.filter((video) => video.closest('[data-playing="true"]') !== null)
      const quality = all.map((video) => video.getVideoPlaybackQuality())
      const decoded = quality.reduce((sum, q) => sum + q.totalVideoFrames, 0)
      const at = performance.now()
      const pixels = playing.reduce((sum, video) => sum + video.videoWidth * video.videoHeight, 0) / Math.max(1, playing.length)
      const decode = (Math.max(0, decoded - said.decoded) * pixels * 1_000) / Math.max(1, at - said.at) / 1e6
      said = { at, decoded }
      return {
        videos: all.length,
        playing: playing.length,
        frame_age_ms: Math.round(Math.max(0, ...playing.map((video) => performance.now() - (seen.get(video)?.at ?? performance.now())))),
        dropped: quality.reduce((sum, q) => sum + q.droppedVideoFrames, 0),
        decoded,
        decode_mpx_s: Math.round(decode * 10) / 10,
        thumbnail: draw(),
      }
    },
  }
}

/** Draws the page in small: each tile as a box, each picture as it stands now. */
function draw(): string {
  const canvas = document.createElement('canvas')
  const scale = Math.min(thumbnail.width / window.innerWidth, thumbnail.height / window.innerHeight)
  canvas.width = Math.round(window.innerWidth * scale)
  canvas.height = Math.round(window.innerHeight * scale)
  const g = canvas.getContext('2d')
  if (g === null) return ''
  g.fillStyle = token('bg-0')
  g.fillRect(0, 0, canvas.width, canvas.height)
  const box = (element: Element) => {
    const { left, top, width, height } = element.getBoundingClientRect()
    return [left * scale, top * scale, width * scale, height * scale] as const
  }
  for (const tile of document.querySelectorAll('[data-tile]')) {
    const [x, y, width, height] = box(tile)
    g.fillStyle = token(tile.getAttribute('data-kind') === 'map' ? 'load-1' : 'track')
    g.fillRect(x + 1, y + 1, width - 2, height - 2)
  }
  for (const video of document.querySelectorAll<HTMLVideoElement>('[data-playing="true"] video')) if (video.readyState >= 2 && video.closest('.coming') === null) g.drawImage(video, ...box(video))
  const picture = canvas.toDataURL('image/jpeg', 0.6)
  return picture.length > largestThumbnail ? '' : picture
}
