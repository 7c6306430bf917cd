import type { Said } from './store'

interface Seen {
  frames: number
  at: number
}

/** Watches the pictures of the page, and says how they are. The returned `stop` ends it. */
export function watchPictures(): { say: () => Pick<Said, 'videos' | 'playing' | 'frame_age_ms' | 'dropped' | 'decoded'>; stop: () => void } {
  const seen = new WeakMap<HTMLVideoElement, Seen>()
  const pictures = () => [...document.querySelectorAll<HTMLVideoElement>('[data-camera] video')]
  const look = () => {
    const at = performance.now()
    for (const video of pictures()) {
      const frames = video.getVideoPlaybackQuality().totalVideoFrames
      if (seen.get(video)?.frames !== frames) seen.set(video, { frames, at })
    }
  }
  const timer = setInterval(look, 500)
  return {
    stop: () => clearInterval(timer),
    say() {
      look()
      const all = pictures()
      const playing = all.filter((video) => video.closest('[data-playing="true"]') !== null)
      const quality = all.map((video) => video.getVideoPlaybackQuality())
      return {
        videos: all.length,
        playing: playing.length,
        frame_age_ms: Math.round(Math.max(0, ...playing.map((video) => performance.now() - (seen.get(video)?.at ?? performance.now())))),
        dropped: quality.reduce((sum, q) => sum + q.droppedVideoFrames, 0),
        decoded: quality.reduce((sum, q) => sum + q.totalVideoFrames, 0),
      }
    },
  }
}
