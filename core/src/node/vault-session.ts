/** The token that Vault is asked with: got at the first use, renewed in time, got anew when that ends. */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'
import { refText, type SecretRef, type TextSource } from '../inventory/fields.ts'
import type { VaultSettings } from '../inventory/vault-schema.ts'
import type { Clock } from '../ports.ts'
import { redact, Secret } from '../secret.ts'
import { type VaultCalls, VaultUnavailable } from './vault-calls.ts'

/** The secrets that open Vault, which are not in it. */
export interface OwnSecrets {
  resolve(ref: SecretRef): Promise<Secret>
  text(source: TextSource): Promise<string>
}

/** Calls `work` once after that many milliseconds, and returns the way to prevent it. */
export type After = (ms: number, work: () => void) => () => void

/** What somebody should know before it stops working. */
export type VaultWarning = (facts: { readonly place: string; readonly why: string }) => void

export interface VaultSessionOptions {
  readonly calls: VaultCalls
  readonly settings: Pick<VaultSettings, 'token' | 'approle'>
  readonly own: OwnSecrets
  readonly clock: Pick<Clock, 'monotonic'>
  readonly after: After
  readonly warn: VaultWarning
}

export interface VaultSession {
  /** One that should be good now. @throws HomelabError `unauthorised`, `config`; VaultUnavailable */
  token(): Promise<Secret>
  /**
   * What a refusal means: `gone`, and the next `token` is another one or says what to do; `good`, but it may not do this;
   * `unknown` where it may not even look at itself.
   */
  refused(token: Secret, errors: string): Promise<'gone' | 'good' | 'unknown'>
  /** Those that it has, for redaction. */
  tokens(): readonly Secret[]
  stop(): void
}

interface Held {
  readonly secret: Secret
  /** Milliseconds of a whole lease; undefined for a token that does not end, or may not look at itself. */
  readonly leaseMs: number | undefined
  /** By the clock that never jumps. */
  readonly endsAt: number
  readonly dueAt: number
  /** Absent while it can be renewed. */
  readonly stuck?: string
  /** Whether it could look at itself. */
  readonly seen: boolean
}

const seconds = z.number().transform((value) => value * 1000)
const Auth = z.object({
  auth: z.object({ client_token: z.string().min(1), lease_duration: seconds, renewable: z.boolean() }),
})
const Lookup = z.object({
  data: z.object({
    ttl: seconds,
    creation_ttl: seconds.catch(0),
    renewable: z.boolean().catch(false),
  }),
})

const DAY_MS = 86_400_000
/** From when on it is said each day that a token ends. */
const WARN_MS = 14 * DAY_MS
/** Between two tries to renew while Vault does not answer. */
const RETRY_MS = 30_000

export function createVaultSession(options: VaultSessionOptions): VaultSession {
  const { calls, settings, own, clock, after, warn } = options
  let held: Held | undefined
  /** The one before may still be in use by a call under way. */
  let before: Secret | undefined
  let working: Promise<void> | undefined
  let disarm = () => {}
  let warnedAt = -Infinity
  let stopped = false

  const heldOf = (
    secret: Secret,
    leftMs: number,
    leaseMs: number,
    rest: Pick<Held, 'stuck' | 'seen'>,
  ): Held => {
    const endless = leftMs <= 0
    const endsAt = endless ? Infinity : clock.monotonic() + leftMs
    return { secret, leaseMs: endless ? undefined : leaseMs, endsAt, dueAt: endsAt - leaseMs / 3, ...rest }
  }

  function hold(next: Held): void {
    if (held !== undefined && held.secret !== next.secret) before = held.secret
    held = next
    warnInTime(next)
    arm()
  }

  function warnInTime({ endsAt, stuck }: Held): void {
    if (settings.token === undefined || stuck === undefined) return
    warnDaily(endsAt, `The token of ${refText(settings.token)}`, `cannot be renewed: ${stuck}. ${newToken}`)
  }

  function warnDaily(endsAt: number, what: string, why: string): void {
    const now = clock.monotonic()
    if (endsAt <= now || endsAt - now > WARN_MS || now - warnedAt < DAY_MS) return
    warnedAt = now
    warn({ place: calls.place, why: `${what} ends in ${left(endsAt - now)} and ${why}` })
  }

  function arm(): void {
    disarm()
    if (stopped || held === undefined || held.leaseMs === undefined) return
    const now = clock.monotonic()
    const due = held.stuck === undefined || settings.approle !== undefined ? held.dueAt - now : DAY_MS
    disarm = after(Math.min(Math.max(due, 1_000), DAY_MS), () => {
      // Over while nobody asked: whoever does gets another one, or is told.
      if (held === undefined || isOver(held)) return
      warnInTime(held)
      if (clock.monotonic() < held.dueAt || !canProlong(held)) return arm()
      // Whoever asks next is told what is wrong.
      alone(prolong).catch(() => {})
    })
  }

  const isOver = ({ endsAt }: Held): boolean => clock.monotonic() >= endsAt

  /** One log-in or renewal at a time; all that wait for it share it. */
  function alone(work: () => Promise<void>): Promise<void> {
    working ??= work().finally(() => {
      working = undefined
    })
    return working
  }

  const open = (): Promise<void> => (settings.approle === undefined ? look() : logIn(settings.approle))

  async function logIn({ role_id, secret_id, mount }: NonNullable<VaultSettings['approle']>): Promise<void> {
    const [role, secret] = await Promise.all([own.text(role_id), own.resolve(secret_id)])
    const answer = await calls.post(`auth/${mount}/login`, { role_id: role, secret_id: secret.reveal() })
    const parsed = Auth.safeParse(answer.body)
    if (answer.status === 200 && parsed.success) {
      const { client_token: token, lease_duration: lease, renewable } = parsed.data.auth
      return hold(
        heldOf(new Secret(token), lease, lease, {
          seen: true,
          ...(renewable ? {} : { stuck: 'it is not renewable' }),
        }),
      )
    }
    const why = redact(answer.errors || `status ${answer.status}`, [secret, new Secret(role)])
    if (answer.status === 404)
      throw new HomelabError('config', `${calls.place} has no log-in at auth/${mount}: ${why}`, {
        hint: '`vault auth list` shows where AppRole is mounted: set vault.approle.mount in homelab.yaml to that.',
      })
    throw new HomelabError('unauthorised', `${calls.place} refuses the log-in by AppRole: ${why}`, {
      hint:
        `The secret_id of ${refText(secret_id)} may be over or used up. Make another one: ` +
        `\`vault write -f auth/${mount}/role/NAME/secret-id\`.`,
    })
  }

  async function look(): Promise<void> {
    const secret = await own.resolve(tokenRef())
    const { status, body } = await calls.get('auth/token/lookup-self', secret)
    const parsed = Lookup.safeParse(body)
    // A token without the default policy may not look at itself, and may still read.
    if (status !== 200 || !parsed.success) return hold(heldOf(secret, 0, 0, { seen: false }))
    const { ttl, creation_ttl: whole, renewable } = parsed.data.data
    hold(
      heldOf(secret, ttl, Math.max(whole, ttl), {
        seen: true,
        ...(renewable ? {} : { stuck: 'it was made without that' }),
      }),
    )
  }

  /** Longer, or another one by AppRole. */
  async function prolong(): Promise<void> {
    const old = held
    if (old === undefined) return open()
    try {
      if (old.stuck === undefined && (await renew(old))) return
      if (settings.approle !== undefined) await logIn(settings.approle)
    } catch (error) {
      // Not at every use while Vault does not answer, and not for the last time.
      if (held !== undefined) held = { ...held, dueAt: clock.monotonic() + RETRY_MS }
      if (held !== undefined && error instanceof HomelabError && !(error instanceof VaultUnavailable))
        warnDaily(
          held.endsAt,
          'The token of Vault',
          `there is no other: ${error.message}. ${error.hint ?? ''}`.trim(),
        )
      arm()
      throw error
    }
  }

  /** False when it does not get longer any more. */
  async function renew(old: Held): Promise<boolean> {
    const { status, errors, body } = await calls.post('auth/token/renew-self', {}, old.secret)
    const parsed = Auth.safeParse(body)
    if (status !== 200 || !parsed.success) {
      // At its end already, and not for ever.
      const leftMs = Math.max(1, old.endsAt - clock.monotonic())
      const stuck = `Vault says ${errors || `status ${status}`}`
      if (settings.approle === undefined)
        hold(heldOf(old.secret, leftMs, old.leaseMs ?? leftMs, { seen: old.seen, stuck }))
      return false
    }
    const lease = parsed.data.auth.lease_duration
    const whole = Math.max(old.leaseMs ?? 0, lease)
    // The end of its max_ttl cuts the lease short, and the next one would be shorter still.
    const full = lease === 0 || lease >= whole / 2
    hold(
      heldOf(old.secret, lease, whole, { seen: true, ...(full ? {} : { stuck: 'its max_ttl is reached' }) }),
    )
    return full
  }

  function tokenRef(): SecretRef {
    if (settings.token !== undefined) return settings.token
    throw new HomelabError('config', '"vault" in homelab.yaml has neither "token" nor "approle"')
  }

  /** A file whose token was replaced, such as the sink of an agent, is as good as a log-in. */
  async function replaced({ secret }: Held): Promise<boolean> {
    return settings.approle === undefined && (await own.resolve(tokenRef())).reveal() !== secret.reveal()
  }

  return {
    async token() {
      if (held === undefined || (await replaced(held))) await alone(open)
      else if (isOver(held) && settings.approle !== undefined) await alone(open)
      else if (!isOver(held) && clock.monotonic() >= held.dueAt && canProlong(held))
        await alone(prolong).catch((error: unknown) => {
          if (held === undefined || isOver(held)) throw error
        })
      if (held === undefined) throw new HomelabError('bug', 'no token of Vault after a log-in')
      if (isOver(held)) throw ended(held)
      return held.secret
    },
    async refused(token, errors) {
      if (held?.secret !== token) return 'gone'
      if (!/invalid token/i.test(errors)) {
        const { status } = await calls.get('auth/token/lookup-self', token)
        if (status === 200) return 'good'
        if (held?.secret !== token) return 'gone'
        if (!held.seen) return 'unknown'
      }
      before = token
      held = undefined
      disarm()
      return 'gone'
    },
    tokens: () => [held?.secret, before].filter((secret) => secret !== undefined),
    stop() {
      stopped = true
      disarm()
    },
  }

  function canProlong({ stuck }: Held): boolean {
    return stuck === undefined || settings.approle !== undefined
  }

  function ended({ endsAt, stuck }: Held): HomelabError {
    const ago = left(clock.monotonic() - endsAt)
    return new HomelabError(
      'unauthorised',
      `The token of ${refText(tokenRef())} for ${calls.place} ended ${ago} ago${stuck === undefined ? '' : ` and could not be renewed: ${stuck}`}`,
      { hint: newToken },
    )
  }
}

export const newToken =
  'Make another one, best `vault token create -period=768h -policy=…`, which lasts as long as it is renewed, or use "approle".'

function left(ms: number): string {
  const [amount, unit] =
    ms >= DAY_MS
      ? [Math.floor(ms / DAY_MS), 'day']
      : ms >= 3_600_000
        ? [Math.floor(ms / 3_600_000), 'hour']
        : [Math.max(1, Math.floor(ms / 60_000)), 'minute']
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`
}
