import { createHash, randomBytes } from 'node:crypto'

/** All chance of one simulator. With a seed it is the same at every start. */
export class Random {
  readonly #seed: Buffer
  #state: number

  constructor(seed: number | undefined) {
    this.#seed = seed === undefined ? randomBytes(32) : createHash('sha256').update(`seed ${seed}`).digest()
    this.#state = this.#seed.readUInt32LE(0)
  }

  /** 0 to 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  between(low: number, high: number): number {
    return Math.floor(low + this.next() * (high - low))
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.between(0, list.length)] ?? list[0]
  }

  /** 32 bytes that belong to this name: keys and secrets, whatever else was drawn before. */
  bytes(name: string): Buffer {
    return createHash('sha256').update(this.#seed).update(name).digest()
  }

  /** The form of Proxmox's token secrets. */
  uuid(name: string): string {
    const hex = this.bytes(name).toString('hex')
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      `a${hex.slice(17, 20)}`,
      hex.slice(20, 32),
    ].join('-')
  }
}

/** 0 to 1, always the same for the same two numbers: usage that moves from one collection to the next. */
export function noise(a: number, b: number): number {
  let mixed = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b ^ 0xc2b2ae35, 0x27d4eb2f)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
  return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 32
}
