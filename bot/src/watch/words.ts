/** Times as people read them on a card. */
import { duration } from '@homelab/core'

const day = (time: Date): string => time.toISOString().slice(0, 10)

/** `09:12`, with the day when it was not today; in UTC. */
export function clockTime(at: string, now: Date): string {
  const time = new Date(at)
  const hours = time.toISOString().slice(11, 16)
  return day(time) === day(now) ? hours : `${day(time)} ${hours}`
}

/** `4 min 10 s, from 09:12 to 09:16 UTC` */
export const span = (from: string, to: string, now: Date): string =>
  `${duration(Math.max(0, Date.parse(to) - Date.parse(from)))}, from ${clockTime(from, now)} to ${clockTime(to, now)} UTC`

/** `plex, sonarr … 14 more` */
export function fewOf(names: readonly string[], most = 12): string {
  const more = names.length - most
  return more > 0 ? `${names.slice(0, most).join(', ')} … ${more} more` : names.join(', ')
}
