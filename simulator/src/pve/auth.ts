/** Who is calling: an API token, or a ticket of two hours with its CSRF token. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Sim } from '../sim.ts'
import type { Caller } from './access.ts'
import { PveError } from './error.ts'

const TICKET_SECONDS = 2 * 3600

const unauthorized = (message: string): PveError => new PveError(401, message)

const same = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

const hex = (seconds: number): string => seconds.toString(16).toUpperCase().padStart(8, '0')

export class Auth {
  readonly #sim: Sim
  readonly #key: Buffer

  constructor(sim: Sim) {
    this.#sim = sim
    this.#key = sim.random.bytes('ticket key')
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64')
  }

  ticket(user: string): string {
    const text = `PVE:${user}:${hex(this.#sim.clock.seconds())}`
    return `${text}::${this.#sign(text)}`
  }

  csrf(user: string): string {
    const time = hex(this.#sim.clock.seconds())
    return `${time}:${this.#sign(`${time}:${user}`)}`
  }

  /** The user of a ticket that is neither forged nor too old. */
  userOf(ticket: string): string | undefined {
    const [text, signature] = ticket.split('::')
    if (!text || !signature || !same(this.#sign(text), signature)) return undefined
    const parts = text.split(':')
    const age = this.#sim.clock.seconds() - Number.parseInt(parts[2] ?? '', 16)
    // Five minutes of a clock that was set back are forgiven.
    return age > -300 && age < TICKET_SECONDS ? parts[1] : undefined
  }

  #csrfFits(token: string, user: string): boolean {
    const [time, signature] = token.split(/:(.*)/s)
    if (!time || !signature || !same(this.#sign(`${time}:${user}`), signature)) return false
    const age = this.#sim.clock.seconds() - Number.parseInt(time, 16)
    return age > -300 && age < TICKET_SECONDS
  }

  /** @throws PveError 401, whose message a real server has in the status line only */
  caller(request: IncomingMessage, verb: string): Caller {
    const { authorization, cookie } = request.headers
    const found =
      /(?:^|;\s*)PVEAuthCookie=([^;]*)/.exec(cookie ?? '')?.[1] ??
      /^PVEAuthCookie=(.*)$/.exec(authorization ?? '')?.[1]
    if (found !== undefined) return this.#byTicket(decodeURIComponent(found), request, verb)
    const token = /^PVEAPIToken=(.*)$/.exec(authorization ?? '')?.[1]
    if (token !== undefined) return this.#byToken(token)
    throw unauthorized('No ticket')
  }

  #byTicket(ticket: string, request: IncomingMessage, verb: string): Caller {
    const user = this.userOf(ticket)
    if (!user) throw unauthorized('permission denied - invalid PVE ticket')
    const csrf = request.headers.csrfpreventiontoken
    if (verb !== 'GET' && !(typeof csrf === 'string' && this.#csrfFits(csrf, user))) {
      throw unauthorized('Permission denied - invalid csrf token')
    }
    return { id: user, user }
  }

  #byToken(text: string): Caller {
    const [, id, user, secret] = /^((\S+@[^\s!]+)![^\s=]+)=(.*)$/.exec(text) ?? []
    if (!id || !user || secret === undefined) throw unauthorized('no tokenid specified')
    if (!this.#sim.access.hasUser(user)) throw unauthorized(`no such user ('${user}')`)
    const token = this.#sim.access.token(id)
    if (!token) throw unauthorized(`no such token '${id.slice(user.length + 1)}' for user '${user}'`)
    if (!same(token.secret, secret)) throw unauthorized('invalid token value!')
    return { id, user }
  }
}
