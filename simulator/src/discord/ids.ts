/** Discord's ids: milliseconds since 2015, then a number that makes them unique and growing. */
const EPOCH = 1_420_070_400_000n
let last = 0n
let aheadMs = 0

/** Discord's own time, which the host's clock may differ from. Milliseconds since 1970. */
export const discordNow = (): number => Date.now() + aheadMs

/** Ids are in order from here on only. */
export function setAhead(ms: number): void {
  if (ms !== aheadMs) last = 0n
  aheadMs = ms
}

/** A new id, greater than all before it. */
export function snowflake(): string {
  const now = (BigInt(discordNow()) - EPOCH) << 22n
  last = now > last ? now : last + 1n
  return String(last)
}

/** An id that is the same at every start: `place` tells them apart. */
export function fixedId(place: number): string {
  return String(((1_700_000_000_000n - EPOCH) << 22n) + BigInt(place))
}

export const isSnowflake = (value: unknown): value is string =>
  typeof value === 'string' && /^\d{15,20}$/.test(value)
