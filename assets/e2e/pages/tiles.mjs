/**
 * Reads a frame of every video below a test id through a canvas.
 * frames: decoded so far. light: mean of the picture, 0…255. spread: its standard deviation. sum: changes with the picture.
 */
export function frames(page, testId) {
  return page.getByTestId(testId).evaluate((root) =>
    [...root.querySelectorAll('.page:not(.coming) [data-camera], [data-camera]:not(.page *)')].map((tile) => {
      const video = tile.querySelector('video')
      const canvas = document.createElement('canvas')
      canvas.width = 64
      canvas.height = 36
      const g = canvas.getContext('2d')
      g.drawImage(video, 0, 0, 64, 36)
      const { data } = g.getImageData(0, 0, 64, 36)
      const lights = Array.from({ length: 64 * 36 }, (_, n) => (data[n * 4] + data[n * 4 + 1] + data[n * 4 + 2]) / 3)
      const light = lights.reduce((a, b) => a + b, 0) / lights.length
      const spread = Math.sqrt(lights.reduce((a, b) => a + (b - light) ** 2, 0) / lights.length)
      return {
        camera: tile.dataset.camera,
        frames: video.getVideoPlaybackQuality().totalVideoFrames,
        light,
        spread,
        sum: lights.reduce((a, b, n) => (a * 31 + Math.round(b) + n) % 1_000_000_007, 7),
      }
    }),
  )
}
