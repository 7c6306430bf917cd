import { reconnectDelay } from '../live/feed'
import { Budget } from './budget'
import { codecName, profileFor, type Profile } from './codec'
import { Speaker } from './g711'
import { Decoder } from './decoder'
import { Sink } from './mse'
import { StreamError, type Play, type Screen, type StreamFailure } from './player'
import { recordFlag, records, recordKind, type Camera } from './records'

/**
 * The page's one socket for all cameras of a server: the centre, or a relay that pulls a share of them. It opens with the
 * first tile, closes a while after the last, and comes back by itself; every tile is subscribed anew then.
 */
class PageSocket {
  readonly #url: string
  #socket: WebSocket | undefined
  #next = 1
  #attempt = 0
  #retry: ReturnType<typeof setTimeout> | undefined
  readonly #tiles = new Map<number, Tile>()

  /** @param server scheme and host, like https://10.2.0.5:8443 */
  constructor(server: string) {
    this.#url = `${server.replace(/^http/, 'ws')}/streams`
  }

  add(tile: Tile): number {
    const stream = this.#next
    this.#next = (this.#next % 65_535) + 1
    this.#tiles.set(stream, tile)
    if (this.#socket === undefined) this.#connect()
    else this.#wish([stream])
    return stream
  }

  change(stream: number): void {
    this.#wish([stream])
  }

  remove(stream: number): void {
    if (!this.#tiles.delete(stream)) return
    this.#say({ unsubscribe: [stream] })
    if (this.#tiles.size === 0) this.#drop()
  }

  #connect(): void {
    clearTimeout(this.#retry)
    const socket = new WebSocket(this.#url)
    socket.binaryType = 'arraybuffer'
    this.#socket = socket
    socket.onopen = () => {
      this.#attempt = 0
      this.#wish([...this.#tiles.keys()])
    }
    socket.onmessage = ({ data }) => {
      for (const record of records(data as ArrayBuffer)) this.#tiles.get(record.stream)?.take(record)
    }
    socket.onclose = () => {
      this.#drop()
      if (this.#tiles.size === 0) return
      for (const tile of [...this.#tiles.values()]) tile.cut()
      this.#retry = setTimeout(() => this.#connect(), reconnectDelay(this.#attempt, Math.random()))
      this.#attempt += 1
    }
  }

  #drop(): void {
    clearTimeout(this.#retry)
    if (this.#socket === undefined) return
    this.#socket.onmessage = null
    this.#socket.onclose = null
    this.#socket.close()
    this.#socket = undefined
  }

  #wish(streams: number[]): void {
    const subscribe = streams.flatMap((stream) => {
      const tile = this.#tiles.get(stream)
      return tile === undefined ? [] : [{ stream, id: tile.id, priority: tile.priority, visible: tile.visible && !tile.still, profile: tile.profile, sound: tile.sound, token: tile.token }]
    })
    if (subscribe.length > 0) this.#say({ subscribe })
  }

  #say(wish: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(wish))
  }
}

interface Tile {
  id: string
  priority: number
  visible: boolean
  /** Beyond what this machine can decode: keyframes only. */
  still: boolean
  profile: Profile
  /** Somebody listens to it. */
  sound: boolean
  /** What lets it in at a relay. */
  token: string
  video: HTMLVideoElement
  take(record: Camera): void
  cut(): void
  /** Says anew what it wants. */
  wish(): void
}

const centre = new PageSocket(location.origin)
const relays = new Map<string, PageSocket>()

function relay(server: string): PageSocket {
  let socket = relays.get(server)
  if (socket === undefined) {
    socket = new PageSocket(server)
    relays.set(server, socket)
  }
  return socket
}

/** All tiles of the page that play over a page's socket, and how many of them this machine can keep moving. */
const showing = new Set<Tile>()
export const budget = new Budget()
const counted = new WeakMap<HTMLVideoElement, { frames: number; dropped: number }>()
const weighEveryMs = 4_000

/** Looks how the moving pictures fare, and makes stills of the least important ones where that is too much. */
function weigh(): void {
  if (document.hidden) return
  const wanted = [...showing].filter((tile) => tile.visible).sort((a, b) => b.priority - a.priority)
  const load = { wanted: wanted.length, moving: 0, frames: 0, dropped: 0 }
  for (const tile of wanted) {
    const { totalVideoFrames, droppedVideoFrames } = tile.video.getVideoPlaybackQuality()
    const before = counted.get(tile.video)
    counted.set(tile.video, { frames: totalVideoFrames, dropped: droppedVideoFrames })
    if (tile.still) continue
    load.moving += 1
    if (before === undefined || totalVideoFrames < before.frames) continue // it is new
    load.frames += totalVideoFrames - before.frames
    load.dropped += droppedVideoFrames - before.dropped
  }
  budget.look(load, performance.now())
  for (const [n, tile] of wanted.entries()) {
    const still = n >= budget.limit
    if (still === tile.still) continue
    tile.still = still
    tile.wish()
  }
}

let weighing: ReturnType<typeof setInterval> | undefined

function show(tile: Tile): void {
  showing.add(tile)
  weighing ??= setInterval(weigh, weighEveryMs)
}

function leave(tile: Tile): void {
  showing.delete(tile)
  if (showing.size > 0) return
  clearInterval(weighing)
  weighing = undefined
}

/** The larger a tile, the longer it keeps all its frames when the page cannot take them all. */
function importance(video: HTMLVideoElement): number {
  const { width, height } = video.getBoundingClientRect()
  return Math.round((width * height) / 1_000)
}

type MakeScreen = new (video: HTMLVideoElement, mime: string, fail: (failure: StreamFailure) => void) => Screen

/** Plays from the page's socket by way of a MediaSource: a little behind, and smooth. */
export const playPage: Play = (video, id, signal, told) => play(Sink, video, id, signal, told)

/** Plays from the page's socket by WebCodecs: as soon as it is here. */
export const playCodecs: Play = (video, id, signal, told) => play(Decoder, video, id, signal, told)

/**
 * Plays a camera from the page's socket. A tile that is scrolled out of sight gets keyframes only, a small one the sub-stream;
 * so does one whose main stream this browser cannot decode. Sound comes while the video is not muted.
 */
async function play(make: MakeScreen, ...[video, id, signal, told]: Parameters<Play>): Promise<void> {
  let screen: Screen | undefined
  let speaker: Speaker | undefined
  let undecodable = false
  const profile = (): Profile => (undecodable ? 'sub' : profileFor(video.getBoundingClientRect().height, devicePixelRatio))
  const heard = () => {
    tile.sound = !video.muted
    if (video.muted) {
      speaker?.close()
      speaker = undefined
    }
    page.change(stream)
  }
  let page = centre
  let renew = false
  let stream = 0
  let tile: Tile
  let again: ReturnType<typeof setTimeout> | undefined
  let lost = 0
  let left = (): void => undefined
  let watcher: IntersectionObserver | undefined
  let sizer: ResizeObserver | undefined
  try {
    await new Promise<never>((_, reject) => {
      const fail = (failure: StreamFailure) => reject(new StreamError(failure))
      signal.addEventListener('abort', () => fail({ code: 'stopped', words: '' }), { once: true })
      tile = {
        id,
        priority: importance(video),
        visible: true,
        still: showing.size >= budget.limit,
        profile: profile(),
        sound: !video.muted,
        token: '',
        video,
        wish: () => page.change(stream),
        // The last picture stays; a server that has started anew counts its time from the beginning.
        cut: () => {
          renew = true
          askCentre()
        },
        take: (record) => {
          switch (record.kind) {
            case recordKind.init:
              if (!MediaSource.isTypeSupported(record.mime)) {
                if (tile.profile === 'sub' || undecodable) {
                  fail({ code: 'wrong_codec', words: '', codec: codecName(record.mime) })
                  return
                }
                undecodable = true
                tile.profile = 'sub'
                page.change(stream)
                return
              }
              clearTimeout(again)
              lost = 0
              told.sound(record.sound)
              if (renew || screen?.mime !== record.mime) {
                renew = false
                screen?.close()
                screen = new make(video, record.mime, fail)
              }
              screen.append(record.data)
              break
            case recordKind.fragment:
              told.still((record.flags & recordFlag.still) !== 0)
              screen?.append(record.data)
              break
            case recordKind.sound:
              speaker ??= new Speaker()
              speaker.push(record.muLaw, record.channels, record.rate, record.data)
              break
            case recordKind.moved:
              renew = true
              move(relay(record.at), record.token)
              break
            case recordKind.trouble:
              if (page !== centre && record.code === 'not_found') {
                askCentre()
                return
              }
              told.failure({ code: record.code, words: record.words })
          }
        },
      }
      const move = (to: PageSocket, token: string) => {
        clearTimeout(again)
        page.remove(stream)
        tile.token = token
        page = to
        stream = page.add(tile)
      }
      // A relay that went, gave the camera away, or whose token is over: the centre knows where to go now.
      const askCentre = () => {
        if (page === centre) return
        clearTimeout(again)
        again = setTimeout(() => move(centre, ''), reconnectDelay(lost, Math.random()))
        lost += 1
      }
      show(tile)
      left = () => leave(tile)
      stream = page.add(tile)
      video.addEventListener('volumechange', heard)
      const look = (visible: boolean) => {
        const priority = importance(video)
        const wanted = profile()
        if (visible === tile.visible && priority === tile.priority && wanted === tile.profile) return
        tile.visible = visible
        tile.priority = priority
        tile.profile = wanted
        page.change(stream)
      }
      sizer = new ResizeObserver(() => look(tile.visible))
      sizer.observe(video)
      watcher = new IntersectionObserver((entries) => look(entries.at(-1)?.isIntersecting ?? true))
      watcher.observe(video)
    })
  } finally {
    clearTimeout(again)
    watcher?.disconnect()
    sizer?.disconnect()
    video.removeEventListener('volumechange', heard)
    speaker?.close()
    page.remove(stream)
    left()
    screen?.close()
  }
}
