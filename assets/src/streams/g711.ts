/** ITU-T G.711: what browsers do not decode in a film is decoded here, by table. */
export function table(muLaw: boolean): Float32Array {
  return Float32Array.from({ length: 256 }, (_, code) => (muLaw ? muLawSample(code) : aLawSample(code)) / 32_768)
}

function aLawSample(code: number): number {
  const bits = code ^ 0x55
  const exponent = (bits >> 4) & 7
  const mantissa = ((bits & 15) << 4) + 8
  const size = exponent === 0 ? mantissa : (mantissa + 256) << (exponent - 1)
  return (bits & 0x80) !== 0 ? size : -size
}

function muLawSample(code: number): number {
  const bits = ~code & 0xff
  const size = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132
  return (bits & 0x80) !== 0 ? -size : size
}

/** How far sound runs behind its arrival at first, s, and how much may wait before it jumps. */
const lagS = 0.12
const mostS = 0.6

/** Plays G.711 as it comes. It begins with a click of somebody: browsers allow no sound before. */
export class Speaker {
  readonly #context = new AudioContext()
  readonly #tables = { a: table(false), mu: table(true) }
  #next = 0

  push(muLaw: boolean, channels: number, rate: number, data: Uint8Array): void {
    const samples = Math.floor(data.length / channels)
    if (channels < 1 || samples < 1 || rate < 8_000 || rate > 48_000) return
    const buffer = this.#context.createBuffer(channels, samples, rate)
    const decode = muLaw ? this.#tables.mu : this.#tables.a
    for (let channel = 0; channel < channels; channel++) {
      const out = buffer.getChannelData(channel)
      for (let i = 0; i < samples; i++) out[i] = decode[data[i * channels + channel] ?? 0] ?? 0
    }
    const now = this.#context.currentTime
    if (this.#next < now || this.#next > now + mostS) this.#next = now + lagS
    const source = this.#context.createBufferSource()
    source.buffer = buffer
    source.connect(this.#context.destination)
    source.start(this.#next)
    this.#next += buffer.duration
  }

  close(): void {
    void this.#context.close()
  }
}
