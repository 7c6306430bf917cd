import { request } from '../access/http'

/** Longest side of an uploaded picture, px: enough to read a door plate, small enough for a street's uplink. */
const longest = 1920

/** Scales a picture down in the page and sends it; gives its id. Drawing it anew also drops EXIF, and so the position of a phone. */
export async function upload(file: Blob): Promise<string> {
  const picture = await createImageBitmap(file)
  const { width, height } = fitted(picture.width, picture.height)
  const canvas = new OffscreenCanvas(width, height)
  canvas.getContext('2d')?.drawImage(picture, 0, 0, width, height)
  picture.close()
  const body = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.85 })
  const answer = await request<{ id: string }>('/api/v1/photos', {
    method: 'POST',
    headers: { 'Content-Type': 'image/jpeg' },
    body,
  })
  return answer.id
}

/** Same shape, longest side at most 1920 px, never larger than it was. */
export function fitted(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, longest / Math.max(width, height))
  return { width: Math.round(width * scale), height: Math.round(height * scale) }
}
