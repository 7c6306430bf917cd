import { send } from '../access/http'
import { StreamError, type Play } from './player'

/** Offers must not wait for candidates that a closed network will never give. */
const gatherMs = 500

/** Plays over WebRTC: WHEP (draft-ietf-wish-whep), host candidates only, video and no sound. */
export const playWhep: Play = async (video, id, signal) => {
  const peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: 'max-bundle' })
  let session: string | null = null
  try {
    peer.addTransceiver('video', { direction: 'recvonly' })
    const broken = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new StreamError({ code: 'stopped', words: '' })), { once: true })
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === 'failed') reject(new StreamError({ code: 'no_route', words: '' }))
      }
    })
    // Watched below; an abort while the answer is on its way must not be an unhandled rejection.
    broken.catch(() => undefined)
    peer.ontrack = ({ receiver, streams, track }) => {
      receiver.jitterBufferTarget = 60
      video.srcObject = streams[0] ?? new MediaStream([track])
      video.play().catch(() => undefined) // aborted by the next picture
    }
    await peer.setLocalDescription(await peer.createOffer())
    await gathered(peer)
    const response = await send(`/streams/${encodeURIComponent(id)}/whep`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: peer.localDescription?.sdp ?? '',
      signal,
    })
    const location = response.headers.get('Location')
    if (location !== null) session = new URL(location, response.url).href // a relay may have answered
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() })
    await broken
  } finally {
    peer.ontrack = null
    video.srcObject = null
    void goodbye(peer, session)
  }
}

/** Ends the session, then the connection: the other way round the server has forgotten the session before it is named. */
async function goodbye(peer: RTCPeerConnection, session: string | null): Promise<void> {
  try {
    // A connection that failed has no session any more. keepalive: the goodbye of a page that is being left still goes out.
    if (session !== null && peer.connectionState !== 'failed') await send(session, { method: 'DELETE', keepalive: true })
  } catch {
    // The server ended it first; there is nobody to tell.
  } finally {
    peer.close()
  }
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === 'complete') {
      resolve()
      return
    }
    const timer = setTimeout(resolve, gatherMs)
    peer.addEventListener('icegatheringstatechange', () => {
      if (peer.iceGatheringState !== 'complete') return
      clearTimeout(timer)
      resolve()
    })
  })
}
