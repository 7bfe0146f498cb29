/** The client of Alertmanager's API v2: what fires there, and its silences. */
import { z } from 'zod'
import type { SecretSource } from '../backup/plan.ts'
import { HomelabError, TransportError } from '../errors.ts'
import type { AlertSourceEntry } from '../inventory/alerts-schema.ts'
import { isUnclear } from '../operation/change.ts'
import type { Http, HttpRequest, HttpResponse } from '../ports.ts'
import { toBase64 } from '../tunnel/base64.ts'
import { prometheusAlert } from './sources/alertmanager.ts'
import type { Alert } from './types.ts'

export interface AlertmanagerOptions {
  /** One that trusts its certificate as its source in homelab.yaml says. */
  readonly http: Http
  /** Read at every use. @throws HomelabError `config` when the source has no url any more */
  readonly settings: () => Pick<AlertSourceEntry, 'name' | 'token' | 'login'> & { readonly url: string }
  readonly secrets: SecretSource
}

const TIMEOUT_MS = 15_000
const MOST_BYTES = 32 * 1024 * 1024

/** Some versions write the time with the offset of their machine. */
const Time = z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString())
const Text = z.record(z.string(), z.string())
/** Go writes null for an empty list. */
const Names = z
  .array(z.string())
  .nullish()
  .transform((all) => all ?? [])

const HeldAlert = z.object({
  fingerprint: z.string(),
  labels: Text,
  annotations: Text.nullish().transform((all) => all ?? {}),
  startsAt: Time,
  generatorURL: z.string().exactOptional(),
  receivers: z.array(z.object({ name: z.string() })).transform((all) => all.map(({ name }) => name)),
  status: z.object({
    /** `suppressed`: a silence, another alert or a time interval keeps it from being sent. */
    state: z.enum(['active', 'suppressed', 'unprocessed']),
    /** Ids of silences. */
    silencedBy: Names,
    /** Fingerprints of alerts. */
    inhibitedBy: Names,
    /** Names of time intervals; before 0.28 nobody can tell. */
    mutedBy: Names,
  }),
})
/** An alert that fires, as Alertmanager holds it: its labels are whole. */
export type HeldAlert = z.infer<typeof HeldAlert>

/** As its webhook would tell it. */
export const alertOf = (source: string, { receivers: _, status: __, ...held }: HeldAlert, now: Date): Alert =>
  prometheusAlert(source, { ...held, status: 'firing' }, now)

const Matcher = z.object({
  name: z.string(),
  value: z.string(),
  isRegex: z.boolean(),
  /** Absent in old ones: true. */
  isEqual: z.boolean().default(true),
})
export type Matcher = z.infer<typeof Matcher>

const HeldSilence = z.object({
  id: z.string(),
  status: z.object({ state: z.enum(['expired', 'active', 'pending']) }),
  matchers: z.array(Matcher),
  startsAt: Time,
  endsAt: Time,
  createdBy: z.string(),
  comment: z.string(),
})
export type HeldSilence = z.infer<typeof HeldSilence>

const Status = z.object({
  /** Since when it runs. */
  uptime: Time,
  versionInfo: z.object({ version: z.string() }),
  /** Its file, with the secrets taken out. */
  config: z.object({ original: z.string() }),
})
export type AlertmanagerStatus = z.infer<typeof Status>

export interface WantedSilence {
  /** Prolongs this one, when its matchers and its start are the same; else it is replaced. */
  readonly id?: string
  readonly matchers: readonly Matcher[]
  /** ISO 8601. One in the past counts as now. */
  readonly startsAt: string
  readonly endsAt: string
  readonly createdBy: string
  /** Of no other silence: by it, it is found again when the answer to its making is lost. */
  readonly comment: string
}

export interface Alertmanager {
  /** All that fire, also those that are silenced or inhibited. */
  alerts(signal?: AbortSignal): Promise<readonly HeldAlert[]>
  /** Also those that are over, for as long as it keeps them. */
  silences(signal?: AbortSignal): Promise<readonly HeldSilence[]>
  /** @returns its id, which is another one where it had to be replaced. @throws HomelabError `unclear` */
  silence(wanted: WantedSilence, signal?: AbortSignal): Promise<string>
  /** Also when it is over or gone already. @throws HomelabError `unclear` */
  expire(id: string, signal?: AbortSignal): Promise<void>
  status(signal?: AbortSignal): Promise<AlertmanagerStatus>
}

export function createAlertmanager({ http, settings, secrets }: AlertmanagerOptions): Alertmanager {
  type Asked = Pick<HttpRequest, 'method' | 'body'> & {
    readonly path: string
    readonly signal?: AbortSignal | undefined
  }

  async function ask({ path, method, body, signal }: Asked): Promise<HttpResponse> {
    const { url, name, ...access } = settings()
    const response = await http.request({
      method,
      url: `${url}/api/v2/${path}`,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(await credentials(access)),
      },
      timeoutMs: TIMEOUT_MS,
      maxBytes: MOST_BYTES,
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    })
    return accepted(response, name, method !== 'GET')
  }

  async function credentials({
    token,
    login,
  }: Pick<AlertSourceEntry, 'token' | 'login'>): Promise<Record<string, string>> {
    if (token !== undefined) return { authorization: `Bearer ${(await secrets.resolve(token)).reveal()}` }
    if (login === undefined) return {}
    const password = (await secrets.resolve(login.password)).reveal()
    return { authorization: `Basic ${toBase64(new TextEncoder().encode(`${login.user}:${password}`))}` }
  }

  async function read<T>(path: string, schema: z.ZodType<T>, signal?: AbortSignal): Promise<T> {
    const { body } = await ask({ method: 'GET', path, signal })
    const parsed = schema.safeParse(json(body))
    if (!parsed.success) throw strange(settings().name, 'something else than its API does', parsed.error)
    return parsed.data
  }

  const silences = (signal?: AbortSignal) => read('silences', z.array(HeldSilence), signal)

  /** What a change whose answer is lost has come to. Tells of the look, when that fails, too. */
  async function lookAfter<T>(
    what: string,
    cause: unknown,
    find: (held: readonly HeldSilence[]) => T | undefined,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    let why = reason(cause)
    try {
      const found = find(await silences(signal))
      if (found !== undefined) return found
    } catch (error) {
      why = `${why} ${reason(error)}`
    }
    throw new HomelabError(
      'unclear',
      `Nobody knows whether Alertmanager "${settings().name}" ${what}: ${why}`,
      {
        hint: 'It was not repeated. Look at the silences in Alertmanager.',
        cause,
      },
    )
  }

  return {
    silences,
    alerts: (signal) =>
      read('alerts?active=true&silenced=true&inhibited=true&unprocessed=true', z.array(HeldAlert), signal),
    status: (signal) => read('status', Status, signal),
    async silence(wanted, signal) {
      try {
        const { body } = await ask({ method: 'POST', path: 'silences', body: JSON.stringify(wanted), signal })
        const answer = z.object({ silenceID: z.string().min(1) }).safeParse(json(body))
        if (answer.success) return answer.data.silenceID
        throw new HomelabError('unclear', 'it answered with no id.')
      } catch (error) {
        if (!isUnclear(error)) throw error
        const ends = Date.parse(wanted.endsAt)
        return lookAfter(
          'has set a silence',
          error,
          (held) =>
            held.find(
              ({ status, comment, endsAt }) =>
                status.state !== 'expired' && comment === wanted.comment && Date.parse(endsAt) === ends,
            )?.id,
          signal,
        )
      }
    },
    async expire(id, signal) {
      try {
        await ask({ method: 'DELETE', path: `silence/${encodeURIComponent(id)}`, signal })
      } catch (error) {
        // One that is over already is an error to it, of a status that depends on its version.
        const refused =
          error instanceof HomelabError && (error.code === 'failed' || error.code === 'not-found')
        if (!isUnclear(error) && !refused) throw error
        const over = (held: readonly HeldSilence[]) => {
          const found = held.find((each) => each.id === id)
          return found === undefined || found.status.state === 'expired' ? true : undefined
        }
        if (!refused) await lookAfter('has ended a silence', error, over, signal)
        else if (over(await silences(signal)) === undefined) throw error
      }
    },
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const strange = (name: string, what: string, cause?: unknown): HomelabError =>
  new HomelabError('config', `What answers at the address of Alertmanager "${name}" sends ${what}.`, {
    hint: `\`alerts.sources.${name}.url\` of homelab.yaml is where Alertmanager itself is, past the login page of a proxy.`,
    cause,
  })

/** @throws HomelabError for what is no success; a change that a proxy has no answer to may have happened */
function accepted(response: HttpResponse, name: string, isChange: boolean): HttpResponse {
  const { status, statusText } = response
  if (status >= 200 && status < 300) return response
  const said = saidBy(response) ?? statusText
  const data = { status }
  if (status === 401 || status === 403)
    throw new HomelabError(
      'unauthorised',
      `Alertmanager "${name}" does not take the credentials (${status}).`,
      {
        hint: `Give \`token\` or \`login\` under \`alerts.sources.${name}\` in homelab.yaml.`,
        data,
      },
    )
  if (status >= 300 && status < 400) throw strange(name, 'us somewhere else')
  if (status === 429 || (status >= 502 && status <= 504))
    throw new TransportError(
      `Alertmanager "${name}" cannot answer now (${status}): ${said}.`,
      isChange && status !== 429,
      { hint: 'Look whether it runs, and at the proxy before it.', data },
    )
  if (status === 404) {
    if (isChange)
      throw new HomelabError('not-found', `Alertmanager "${name}" does not know it: ${said}`, { data })
    throw strange(name, 'status 404')
  }
  throw new HomelabError('failed', `Alertmanager "${name}" refuses (${status}): ${said}`, {
    hint: 'Its log says more.',
    data,
  })
}

/** A JSON string, or an object with a message: whichever part of it refuses. */
function saidBy({ body }: HttpResponse): string | undefined {
  const parsed = z
    .union([z.string(), z.object({ message: z.string() }).transform((it) => it.message)])
    .safeParse(json(body))
  return parsed.success && parsed.data !== '' ? parsed.data.slice(0, 300) : undefined
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
