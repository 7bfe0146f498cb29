/** Which alerts are to be silent in an Alertmanager, because their incidents are silenced here. */
import { type Incident, isSilent } from '@homelab/core/alerts'

export interface Wanted {
  readonly incident: Incident
  /** Who silenced it, or what it is folded beneath. */
  readonly by: string
  /** Milliseconds since the epoch; undefined: until it is over. */
  readonly until: number | undefined
  readonly fingerprint: string
}

/** For one incident: a flood is silenced here, and there it would be a flood of silences. */
const MOST = 100

/** @returns by `incident/fingerprint` */
export function wantedSilences(
  open: readonly Incident[],
  source: string,
  now: Date,
): ReadonlyMap<string, Wanted> {
  const silent = new Map(open.filter((incident) => isSilent(incident, now)).map((each) => [each.id, each]))
  const wanted = new Map<string, Wanted>()
  if (silent.size === 0) return wanted
  for (const incident of open) {
    const silence = (silent.get(incident.id) ?? silent.get(incident.parent ?? ''))?.silence
    if (silence === undefined) continue
    const own = incident.alerts.filter((alert) => alert.source === source && alert.status === 'firing')
    for (const { fingerprint } of own.slice(0, MOST))
      wanted.set(`${incident.id}/${fingerprint}`, {
        incident,
        by: silence.by.name,
        until: silence.until === undefined ? undefined : Date.parse(silence.until),
        fingerprint,
      })
  }
  return wanted
}
