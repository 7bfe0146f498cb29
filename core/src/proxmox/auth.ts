/** API token or ticket. https://pve.proxmox.com/wiki/Proxmox_VE_API#Authentication */
import { HomelabError, TransportError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { Secret } from '../secret.ts'
import { encode, type Params } from './path.ts'
import { read, Ticket } from './schemas.ts'

export type ProxmoxAuth = (
  | { readonly kind: 'token' /** `user@realm!name` */; readonly id: string; readonly secret: Secret }
  | { readonly kind: 'ticket' /** `user@realm` */; readonly user: string; readonly password: Secret }
) & {
  /** The secret or password as it is where it is kept: asked for when the one before may have been replaced. */
  readonly again?: () => Promise<Secret>
}

/** Posts to /access/ticket and resolves with the answer's data. */
type Login = (form: Params) => Promise<unknown>

export interface Auth {
  readonly kind: ProxmoxAuth['kind']
  /** As it stands in the UPIDs of our own tasks: `user@realm` or `user@realm!name`. */
  readonly user: string
  headers(write: boolean, login: Login): Promise<Readonly<Record<string, string>>>
  /** After a 401 to these headers: true when there are other ones and the refused call can be made once more. */
  renew(used: Readonly<Record<string, string>>): boolean | Promise<boolean>
}

// A ticket is good for 2 h.
const renewAfterMs = 90 * 60_000
const ticketLifeMs = 2 * 60 * 60_000

export function createAuth(auth: ProxmoxAuth, clock: Clock): Auth {
  return auth.kind === 'token' ? tokenAuth(auth) : ticketAuth(auth, clock)
}

/** Undefined where it cannot be read now: that it was refused is what somebody has to know. */
const anew = async (again: ProxmoxAuth['again']): Promise<Secret | undefined> =>
  await again?.().catch(() => undefined)

function tokenAuth({ id, secret, again }: ProxmoxAuth & { kind: 'token' }): Auth {
  if (!/^[^\s:/!]+@[A-Za-z][\w.-]*![A-Za-z][\w.-]*$/.test(id)) {
    throw new HomelabError('config', `"${id}" is not the id of a Proxmox API token`, {
      hint: 'It has the form user@realm!name, for example root@pam!homelab. The secret is given separately.',
    })
  }
  let now = secret
  const headers = () => ({ authorization: `PVEAPIToken=${id}=${now.reveal()}` })
  return {
    kind: 'token',
    user: id,
    headers: () => Promise.resolve(headers()),
    renew: async ({ authorization }) => {
      const next = await anew(again)
      if (next !== undefined) now = next
      return authorization !== headers().authorization
    },
  }
}

function ticketAuth({ user, password: first, again }: ProxmoxAuth & { kind: 'ticket' }, clock: Clock): Auth {
  if (!/^[^\s:/!]+@[A-Za-z][\w.-]*$/.test(user)) {
    throw new HomelabError('config', `"${user}" is not a Proxmox user`, {
      hint: 'It has the form user@realm, for example root@pam.',
    })
  }
  let held: { readonly ticket: string; readonly csrf: string; readonly at: number } | undefined
  let pending: Promise<void> | undefined
  let password = first

  async function fetchTicket(login: Login): Promise<void> {
    const age = held === undefined ? Infinity : clock.monotonic() - held.at
    const old = age < ticketLifeMs ? held?.ticket : undefined
    const post = (secret: string): Promise<unknown> => login({ username: user, password: secret })
    const next = await anew(again)
    if (next !== undefined) password = next
    let data: unknown
    try {
      data = await post(old ?? password.reveal())
    } catch (error) {
      const refused = error instanceof HomelabError && error.code === 'unauthorised'
      if (old === undefined || !refused) throw error
      data = await post(password.reveal())
    }
    const { ticket, CSRFPreventionToken: csrf, NeedTFA: second } = read(Ticket, data, '/access/ticket')
    if (second || ticket === undefined || csrf === undefined) {
      throw new HomelabError('unauthorised', `${user} needs a second factor, which this client cannot give`, {
        hint: `Use an API token instead: pveum user token add ${user} homelab --privsep 1`,
      })
    }
    held = { ticket, csrf, at: clock.monotonic() }
  }

  return {
    kind: 'ticket',
    user,
    async headers(write, login) {
      if (held === undefined || clock.monotonic() - held.at >= renewAfterMs) {
        pending ??= fetchTicket(login).finally(() => {
          pending = undefined
        })
        try {
          await pending
        } catch (error) {
          // Whatever became of the login, the call that needed it was not sent.
          if (error instanceof TransportError) {
            throw new TransportError(error.message, false, { code: error.code, cause: error })
          }
          throw error
        }
      }
      if (held === undefined) throw new HomelabError('bug', 'no ticket after a login')
      return {
        cookie: `PVEAuthCookie=${encode(held.ticket)}`,
        ...(write ? { CSRFPreventionToken: held.csrf } : {}),
      }
    },
    renew() {
      held = undefined
      return true
    },
  }
}
