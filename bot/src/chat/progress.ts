/** How far something is, in words and in a bar of characters: the same on every platform. */
import { bytes, type CardProgress, duration, type Progress, percent } from '@homelab/core'

export interface ProgressView {
  /** 0 to 1; left out when neither an amount nor a usual time is known. */
  readonly share?: number
  /** `▓▓▓▓░░░░░░`, ten wide; there when `share` is. */
  readonly bar?: string
  /** `Rebooting plex · 12 s, usually 40 s`. */
  readonly text: string
  /** The same without its first words: `6 of 16 · 12 s, usually 40 s`; may be empty. */
  readonly detail: string
}

const barWidth = 10
/** A guess never says that it is over: the end is for the work itself to tell. */
const mostOfAGuess = 0.95

export function progressView(progress: CardProgress, now: Date): ProgressView {
  const elapsedMs = elapsedOf(progress, now)
  const share = measured(progress) ?? guessed(progress, elapsedMs)
  const detail = joined(amountOf(progress), timeOf(progress, elapsedMs))
  const bar = share === undefined ? {} : { share, bar: barOf(share) }
  return { ...bar, text: joined(progress.text, detail), detail }
}

const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' · ')

/** `6 of 16`, `40 %`, `1.2 GiB of 4.0 GiB`; of an unknown end only what is done; of nothing known, nothing. */
function amountOf({ done, total, unit }: Progress): string {
  if (done === undefined || !Number.isFinite(done)) return ''
  const show = unit === 'bytes' ? bytes : String
  if (total === undefined || !(total > 0)) return unit === 'percent' ? percent(done / 100) : show(done)
  return unit === 'percent' ? percent(done / total) : `${show(done)} of ${show(total)}`
}

/** `12 s, usually 40 s`. Whole seconds: a tenth that changes while one looks says nothing. */
function timeOf({ expectedMs }: CardProgress, elapsedMs: number | undefined): string {
  const usual = expectedMs !== undefined && expectedMs > 0 ? `usually ${duration(expectedMs)}` : ''
  if (elapsedMs === undefined) return usual
  const elapsed = elapsedMs < 10_000 ? `${Math.floor(elapsedMs / 1000)} s` : duration(elapsedMs)
  return usual === '' ? elapsed : `${elapsed}, ${usual}`
}

function elapsedOf({ startedAt }: CardProgress, now: Date): number | undefined {
  if (startedAt === undefined) return undefined
  const elapsed = now.getTime() - Date.parse(startedAt)
  return Number.isFinite(elapsed) ? Math.max(0, elapsed) : undefined
}

function measured({ done, total, unit }: Progress): number | undefined {
  if (done === undefined || !Number.isFinite(done)) return undefined
  if (total !== undefined && total > 0) return clamp(done / total)
  return unit === 'percent' ? clamp(done / 100) : undefined
}

function guessed({ expectedMs }: CardProgress, elapsedMs: number | undefined): number | undefined {
  if (expectedMs === undefined || !(expectedMs > 0) || elapsedMs === undefined) return undefined
  return Math.min(mostOfAGuess, clamp(elapsedMs / expectedMs))
}

const clamp = (share: number): number => Math.min(1, Math.max(0, share))

function barOf(share: number): string {
  const full = Math.floor(share * barWidth)
  return '▓'.repeat(full) + '░'.repeat(barWidth - full)
}
