/** Durations as people write them: `10m`, `2h`, `1h30m`, `3d`. */

/** In falling order: `1h30m` is written, `30m1h` is not. */
const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

export const durationPattern = /^(?=\d)(?:\d{1,4}d)?(?:\d{1,4}h)?(?:\d{1,4}m)?(?:\d{1,5}s)?$/

/** Milliseconds; undefined for what is no duration, and for nothing at all. */
export function parseDuration(text: string): number | undefined {
  const written = text.trim().toLowerCase()
  if (!durationPattern.test(written)) return undefined
  let ms = 0
  for (const [unit, size] of units) ms += Number(new RegExp(`(\\d+)${unit}`).exec(written)?.[1] ?? 0) * size
  return ms > 0 ? ms : undefined
}

/** The inverse: what one types for it, to the second. `duration` of operation/view.ts is for reading. */
export function durationText(ms: number): string {
  let rest = Math.max(0, Math.round(ms / 1000)) * 1000
  const parts: string[] = []
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size)
    if (count > 0) parts.push(`${count}${unit}`)
    rest -= count * size
  }
  return parts.length === 0 ? '0s' : parts.join('')
}
