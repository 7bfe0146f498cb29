/** The alert that always fires: when it is not sent any more, nobody would send the others either. */
import { duration } from '@homelab/core'
import type { Alert } from '@homelab/core/alerts'
import type { AlertSourceEntry } from '@homelab/core/inventory'
import type { Finding } from './types.ts'

/** What its Alertmanager says when it is asked. */
export type WatchdogThere =
  | 'there'
  | 'absent'
  /** Held back there by a silence or by another alert. */
  | 'suppressed'
  | 'no answer'
  /** The source has no url. */
  | 'unknown'

/** Milliseconds without a delivery, by source: only those in which we were there to hear it. */
export type Unheard = Readonly<Record<string, number>>

export interface Watchdogs {
  /** To be called with each alert that is delivered. @returns `watchdog`: it is none, and must not become an incident */
  seen(alert: Alert): 'watchdog' | undefined
  isWatchdog(alert: Pick<Alert, 'source' | 'name'>): boolean
  /** @param there by source */
  look(there: ReadonlyMap<string, WatchdogThere>, monotonic: number): void
  unheard(): Unheard
}

export function createWatchdogs(
  sources: () => readonly AlertSourceEntry[],
  report: (finding: Finding) => void,
  before: Unheard,
): Watchdogs {
  let unheard: Unheard = before
  let looked: number | undefined
  const isWatchdog = ({ source, name }: Pick<Alert, 'source' | 'name'>): boolean =>
    sources().some((each) => each.name === source && each.watchdog?.alert === name)

  /** At the first look nobody remembers what was said before: then it is said once more. */
  const said = new Map<string, string>()
  const say = (finding: Finding) => {
    const text = JSON.stringify(finding)
    if (said.get(finding.key) === text) return
    said.set(finding.key, text)
    report(finding)
  }

  return {
    isWatchdog,
    seen(alert) {
      if (!isWatchdog(alert)) return undefined
      // That it is over is no sign of life.
      if (alert.status === 'firing') unheard = { ...unheard, [alert.source]: 0 }
      return 'watchdog'
    },
    look(there, monotonic) {
      const passed = monotonic - (looked ?? monotonic)
      looked = monotonic
      const next: Record<string, number> = {}
      for (const source of sources()) {
        if (source.watchdog === undefined) continue
        const { name, watchdog } = source
        const ms = (unheard[name] ?? 0) + passed
        next[name] = ms
        say(ms < watchdog.after ? heard(name) : missed(source, watchdog, there.get(name) ?? 'unknown'))
      }
      // Nobody waits for it any more.
      for (const name of Object.keys(unheard)) if (next[name] === undefined) say(heard(name))
      unheard = next
    },
    unheard: () => unheard,
  }
}

const key = (source: string): string => `watchdog/${source}`

const heard = (source: string): Finding => ({
  key: key(source),
  state: 'resolved',
  severity: 'critical',
  kind: 'watchdog',
  title: `Watchdog of ${source} is heard again`,
  about: {},
})

function missed(
  { name }: AlertSourceEntry,
  { alert, after }: NonNullable<AlertSourceEntry['watchdog']>,
  there: WatchdogThere,
): Finding {
  const long = duration(after)
  return {
    key: key(name),
    state: 'firing',
    severity: 'critical',
    kind: 'watchdog',
    title: `Nothing watches the lab: no ${alert} from ${name} for ${long}`,
    text: whyOf[there]({ name, alert, after: long }),
    about: {},
  }
}

interface Why {
  readonly name: string
  readonly alert: string
  readonly after: string
}

const whyOf: Readonly<Record<WatchdogThere, (why: Why) => string>> = {
  there: ({ alert, after }) =>
    `Alertmanager runs and has ${alert}, but does not deliver it here. Look in its log for the receiver, at the address and the ` +
    `secret there, and at the repeat_interval of its route, which must be well below ${after}.`,
  absent: ({ alert }) =>
    `Alertmanager runs, but does not have ${alert}: Prometheus is down, cannot reach Alertmanager, or has lost the rule.`,
  suppressed: ({ alert }) =>
    `Alertmanager has ${alert}, but it is silenced or inhibited there: end that silence.`,
  'no answer': () => 'Alertmanager does not answer either: look whether it and Prometheus run.',
  unknown: ({ name }) =>
    `Look whether ${name} runs and reaches this machine. With \`alerts.sources.${name}.url\` in homelab.yaml this says more.`,
}
