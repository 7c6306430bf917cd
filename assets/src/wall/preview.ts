import { onBeforeUnmount, onMounted, shallowRef, type ShallowRef } from 'vue'
import type { Scene } from './scenes'

/** What the editor sends to a wall's page that it shows in small. */
export interface Preview {
  gridwall: 'preview'
  scene: Scene
}

/** What that page says when it is ready to be told. */
export const previewing = 'gridwall: previewing'

/** True on a wall's page inside the editor: it shows what it is told, and is no screen of the wall. */
export const isPreview = new URLSearchParams(location.search).has('preview')

/** The scene that the editor wants to see. */
export function usePreview(): ShallowRef<Scene | null> {
  const scene = shallowRef<Scene | null>(null)
  function heard(event: MessageEvent): void {
    const message = event.data as Partial<Preview> | null
    if (event.origin === location.origin && event.source === window.parent && message?.gridwall === 'preview') scene.value = message.scene ?? null
  }
  onMounted(() => {
    if (!isPreview) return
    window.addEventListener('message', heard)
    window.parent.postMessage(previewing, location.origin)
  })
  onBeforeUnmount(() => window.removeEventListener('message', heard))
  return scene
}
