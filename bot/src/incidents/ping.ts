/** The dead man's switch of the bot itself: an address outside is called while all is well with us, and misses us when it is not. */
import { type Clock, duration, errorData, HomelabError, type Http } from '@homelab/core'
import type { SecretSource } from '@homelab/core/backup'
import type { AlertsSettings } from '@homelab/core/inventory'
import type { FactStore } from '../chat/connector.ts'
import type { WatchLog } from '../watch/types.ts'
import type { Finding } from './types.ts'

export interface OwnPingOptions {
  /** As the file is now; undefined: there is none. */
  readonly settings: () => AlertsSettings['ping']
  readonly secrets: SecretSource
  /** One that verifies certificates: the address is a secret. */
  readonly http: Http
  /** When the incidents were worked at last. */
  readonly aliveAt: () => Date
  /** In the store that must take what is told. */
  readonly facts: FactStore
  readonly report: (finding: Finding) => void
  readonly clock: Clock
  readonly log: WatchLog
}

export interface OwnPing {
  stop(): Promise<void>
}

/** Well is whoever works: neither the lab nor any source must answer for it. */
const STUCK_MS = 120_000
const TIMEOUT_MS = 10_000
const TRIES = 10
/** Between two looks at the file, where it has no ping. */
const IDLE_MS = 60_000
const NAME = 'alerts.ping'

export function startOwnPing(options: OwnPingOptions): OwnPing {
  const { settings, secrets, http, facts, report, clock, log } = options
  const end = new AbortController()
  let failures = 0
  let wasWell = true
  /** Whether it was told that the calls fail; undefined: nobody remembers what was told before the start. */
  let isTold: boolean | undefined

  /** What is not well with us; undefined: nothing. */
  async function trouble(): Promise<string | undefined> {
    const idle = clock.now().getTime() - options.aliveAt().getTime()
    if (idle > STUCK_MS) return `the incidents have not been worked at for ${duration(idle)}`
    try {
      await facts.set(NAME, { at: clock.now().toISOString() })
      return undefined
    } catch (error) {
      return `the store takes nothing: ${errorData(error).message}`
    }
  }

  /** @returns why it was not taken, without the address, which is a secret */
  async function call(ping: NonNullable<AlertsSettings['ping']>): Promise<string | undefined> {
    try {
      const url = addressOf((await secrets.resolve(ping.url)).reveal())
      const { status } = await http.request({ method: 'GET', url, timeoutMs: TIMEOUT_MS, signal: end.signal })
      return status >= 200 && status < 300 ? undefined : `it answers with status ${status}`
    } catch (error) {
      const { code, message } = errorData(error)
      return code === 'config' ? message : (words[code] ?? 'it cannot be called')
    }
  }

  function over(): void {
    if (isTold !== false) report(finding('resolved'))
    isTold = false
  }

  async function ping(setting: NonNullable<AlertsSettings['ping']>): Promise<void> {
    const wrong = await trouble()
    if (wrong !== undefined) {
      if (wasWell) log.error({ why: wrong }, 'all is not well with us: nobody is called')
      wasWell = false
      return
    }
    wasWell = true
    const why = await call(setting)
    if (end.signal.aborted) return
    if (why === undefined) {
      failures = 0
      return over()
    }
    failures += 1
    log.warn({ why, failures }, 'the ping of the bot is not taken')
    if (failures < TRIES || isTold === true) return
    isTold = true
    report({
      ...finding('firing'),
      text: `${TRIES} calls in a row failed: ${why}. Whoever waits for them may take the bot for dead. The address is \`alerts.ping.url\` of homelab.yaml.`,
    })
  }

  async function loop(): Promise<void> {
    while (!end.signal.aborted) {
      const setting = settings()
      if (setting === undefined) over()
      else await ping(setting)
      await clock.sleep(setting?.every ?? IDLE_MS, end.signal).catch(() => {})
    }
  }
  const working = loop().catch((error: unknown) => log.error({ err: error }, 'nobody is called any more'))

  return {
    async stop() {
      end.abort(new HomelabError('cancelled', 'The bot shuts down.'))
      await working
    },
  }
}

const words: Readonly<Record<string, string>> = {
  unreachable: 'it does not answer',
  timeout: 'it does not answer in time',
  untrusted: 'its certificate is not to be trusted',
}

const finding = (state: Finding['state']): Finding => ({
  key: 'ping',
  state,
  severity: 'info',
  kind: 'ping',
  title:
    state === 'firing' ? 'Nobody hears that the bot is alive' : 'It is heard again that the bot is alive',
  about: {},
})

/** @throws HomelabError `config`, which does not say the address */
function addressOf(text: string): string {
  const url = URL.parse(text.trim())
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new HomelabError('config', 'The address is no http or https URL.')
  return url.href
}
