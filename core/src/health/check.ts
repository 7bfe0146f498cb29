import { HomelabError, isHomelabError, TransportError } from '../errors.ts'
import type { Target } from '../inventory/types.ts'
import type { Clock, Http, Tcp } from '../ports.ts'
import type { Shells } from '../shell/types.ts'
import { type Asked, askInside } from './inside.ts'
import { down } from './probes.ts'
import { type HttpQuestion, type Question, questionFor, type TcpQuestion } from './select.ts'
import type { Health, HealthReport } from './types.ts'

export interface HealthDeps {
  /** Should accept any certificate: no secret is sent, and a lab's services sign their own. */
  readonly http?: Http
  /** Not there in n8n: PostgreSQL and Redis are then asked inside their container. */
  readonly tcp?: Tcp
  readonly shells?: Shells
  readonly clock: Clock
  /** The guest's own address when it is known; undefined when it has none. */
  readonly address: (target: Target) => Promise<string | undefined>
  /** Milliseconds for one question. Default 5 000. */
  readonly timeoutMs?: number
}

const maxBytes = 8 * 1024 * 1024

/**
 * Asks from outside when an address is known; when nothing can be reached there, and the guest is a
 * container on a node with SSH, asks inside it, where also what listens on loopback only answers.
 */
export function createHealth(deps: HealthDeps): Health {
  const timeoutMs = deps.timeoutMs ?? 5000

  async function ask(target: Target, question: Question, signal: AbortSignal | undefined): Promise<Asked> {
    const inside = canAskInside(target, question)
    if (question.via === 'command') {
      return inside
        ? askInside(inside, question, timeoutMs, signal)
        : { state: 'unknown', detail: noShell(target) }
    }
    // Its check is never open to the outside: the first question would only cost a refusal.
    if (question.loopback && inside) return askInside(inside, question, timeoutMs, signal)

    const direct = await askDirectly(target, question, signal)
    if ('state' in direct) return direct
    if (inside) {
      const answer = await askInside(inside, question, timeoutMs, signal)
      if (answer.state !== 'unknown') return answer
      return direct.tried ? down(direct.detail) : answer
    }
    if (question.loopback) {
      return {
        state: 'unknown',
        detail: `its check listens on the container's loopback only: ${noShell(target)}`,
      }
    }
    return direct.tried
      ? down(direct.detail)
      : { state: 'unknown', detail: `${direct.detail}; ${noShell(target)}` }
  }

  function canAskInside(target: Target, question: Question) {
    if (target.guest.type !== 'lxc' || !deps.shells?.has(target.guest.node)) return undefined
    if (question.via !== 'command' && question.host !== undefined) return undefined
    if (question.via === 'http' && question.url !== undefined) return undefined
    return deps.shells.guest(target.guest)
  }

  function noShell({ guest }: Target): string {
    if (guest.type !== 'lxc') return 'a virtual machine can only be asked from outside'
    return `there is no SSH access to ${guest.node} to ask inside ${guest.name}`
  }

  /** The verdict, or why there is none; `tried` says that something was asked and did not answer. */
  async function askDirectly(
    target: Target,
    question: HttpQuestion | TcpQuestion,
    signal: AbortSignal | undefined,
  ): Promise<Asked | { readonly tried: boolean; readonly detail: string }> {
    const whole = question.via === 'http' ? question.url : undefined
    const host = whole === undefined ? (question.host ?? (await addressOf(target))) : undefined
    if (host === undefined && whole === undefined) {
      return { tried: false, detail: `no address of ${target.guest.name} is known` }
    }
    try {
      if (question.via === 'tcp') {
        if (!deps.tcp) return { tried: false, detail: 'plain TCP is not available here' }
        const options = { timeoutMs, ...(signal === undefined ? {} : { signal }) }
        return question.probe.judge(
          await deps.tcp.exchange(host ?? '', question.port, question.probe.send, options),
        )
      }
      if (!deps.http) return { tried: false, detail: 'HTTP is not available here' }
      const bracketed = host?.includes(':') && !host.startsWith('[') ? `[${host}]` : host
      const url = whole ?? `${question.scheme}://${bracketed}:${question.port}${question.path}`
      const response = await deps.http.request({
        method: 'GET',
        url,
        timeoutMs,
        maxBytes,
        ...(signal === undefined ? {} : { signal }),
      })
      return question.judge(response.status, response.body)
    } catch (error) {
      signal?.throwIfAborted()
      if (!isHomelabError(error)) throw error
      // Connected and then silent: asking the same process from inside would only wait once more.
      if (error instanceof TransportError && error.sent) return down(error.message)
      return { tried: true, detail: error.message }
    }
  }

  async function addressOf(target: Target): Promise<string | undefined> {
    try {
      return await deps.address(target)
    } catch (error) {
      if (!isHomelabError(error)) throw error
      return undefined
    }
  }

  return {
    knows: (target) => questionFor(target) !== undefined,

    async check(target, { signal } = {}): Promise<HealthReport> {
      signal?.throwIfAborted()
      const question = questionFor(target)
      if (question === undefined) return { state: 'none', detail: 'no check is known', ms: 0 }
      const { guest } = target
      if (guest.status !== 'running')
        return { state: 'down', detail: `${guest.name} is ${guest.status}`, ms: 0 }

      const started = deps.clock.monotonic()
      const answer = await ask(target, question, signal).catch((error: unknown): Asked => {
        signal?.throwIfAborted()
        return {
          state: 'unknown',
          detail: error instanceof HomelabError ? error.message : `the check broke: ${String(error)}`,
        }
      })
      const ms = Math.round(deps.clock.monotonic() - started)
      return {
        state: answer.state,
        detail: answer.state === 'up' ? `${answer.detail} in ${ms} ms` : answer.detail,
        ms,
      }
    },
  }
}
