/** API token or ticket. https://pve.proxmox.com/wiki/Proxmox_VE_API#Authentication */
import { HomelabError, TransportError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { Secret } from '../secret.ts'
import { encode, type Params } from './path.ts'
import { read, Ticket } from './schemas.ts'

export type ProxmoxAuth =
  /** `id` is `user@realm!name`. */
  | { readonly kind: 'token'; readonly id: string; readonly secret: Secret }
  /** `user` is `user@realm`. */
  | { readonly kind: 'ticket'; readonly user: string; readonly password: Secret }

/** Posts to /access/ticket and resolves with the answer's data. */
type Login = (form: Params) => Promise<unknown>

export interface Auth {
  readonly kind: ProxmoxAuth['kind']
  /** As it stands in the UPIDs of our own tasks: `user@realm` or `user@realm!name`. */
  readonly user: string
  headers(write: boolean, login: Login): Promise<Readonly<Record<string, string>>>
  /** After a 401: true when new credentials can be fetched and the refused call made once more. */
  renew(): boolean
}

// A ticket is good for 2 h.
const renewAfterMs = 90 * 60_000
const ticketLifeMs = 2 * 60 * 60_000

export function createAuth(auth: ProxmoxAuth, clock: Clock): Auth {
  return auth.kind === 'token' ? tokenAuth(auth.id, auth.secret) : ticketAuth(auth.user, auth.password, clock)
}

function tokenAuth(id: string, secret: Secret): Auth {
  if (!/^[^\s:/!]+@[A-Za-z][\w.-]*![A-Za-z][\w.-]*$/.test(id)) {
    throw new HomelabError('config', `"${id}" is not the id of a Proxmox API token`, {
      hint: 'It has the form user@realm!name, for example root@pam!homelab. The secret is given separately.',
    })
  }
  return {
    kind: 'token',
    user: id,
    headers: () => Promise.resolve({ authorization: `PVEAPIToken=${id}=${secret.reveal()}` }),
    renew: () => false,
  }
}

function ticketAuth(user: string, password: Secret, clock: Clock): Auth {
  if (!/^[^\s:/!]+@[A-Za-z][\w.-]*$/.test(user)) {
    throw new HomelabError('config', `"${user}" is not a Proxmox user`, {
      hint: 'It has the form user@realm, for example root@pam.',
    })
  }
  let held: { readonly ticket: string; readonly csrf: string; readonly at: number } | undefined
  let pending: Promise<void> | undefined

  async function fetchTicket(login: Login): Promise<void> {
    const age = held === undefined ? Infinity : clock.monotonic() - held.at
    const old = age < ticketLifeMs ? held?.ticket : undefined
    const post = (secret: string): Promise<unknown> => login({ username: user, password: secret })
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
