import { onBeforeUnmount, onMounted } from 'vue'
import { post } from '../access/http'

/** A screen that says nothing for 8 s is an alarm, which is looked for every second: a dead one is told within 10 s. */
const everyMs = 3_000

/** Tells the server every 3 s that this screen of the wall is painting, how fast, and what else it says of itself. */
export function useHeartbeat(wall: string, screen: string, report: () => object): void {
  let frames = 0
  let since = performance.now()
  let painting = 0
  let beating: ReturnType<typeof setInterval> | undefined

  function paint(): void {
    frames += 1
    painting = requestAnimationFrame(paint)
  }

  async function beat(): Promise<void> {
    const at = performance.now()
    const fps = Math.round((frames * 10_000) / Math.max(1, at - since)) / 10
    frames = 0
    since = at
    // No answer is no news here: the link says that the server is away, and the server misses the beat.
    await post(`/api/v1/walls/${wall}/screens/${screen}`, { fps, report: report() }).catch(() => undefined)
  }

  onMounted(() => {
    paint()
    void beat()
    beating = setInterval(() => void beat(), everyMs)
  })
  onBeforeUnmount(() => {
    cancelAnimationFrame(painting)
    clearInterval(beating)
  })
}
