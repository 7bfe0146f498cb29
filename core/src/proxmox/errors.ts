/** What Proxmox says when it refuses, as HomelabError. Facts: 500 is its answer to most logical errors. */
import { type ErrorFacts, HomelabError } from '../errors.ts'
import type { HttpResponse } from '../ports.ts'
import { pathFacts } from './path.ts'

export interface CallFacts {
  readonly method: string
  /** Without /api2/json and query. */
  readonly path: string
  readonly auth: { readonly kind: 'token' | 'ticket'; readonly user: string }
}

/**
 * 595: no connection to the node. 596, 597, 599: cut on the way. 502 to 504: the same from a reverse proxy.
 * https://metacpan.org/pod/AnyEvent::HTTP
 */
export const isGatewayError = (status: number): boolean =>
  [502, 503, 504].includes(status) || (status >= 595 && status <= 599)

interface Refusal {
  readonly text: string
  readonly fields: Readonly<Record<string, string>> | undefined
}

/** The reason is in `message` (newer versions), in `errors`, in a short plain body, or in the status line only. */
function refusal(response: HttpResponse): Refusal {
  let body: unknown
  try {
    body = JSON.parse(response.body)
  } catch {
    const plain = response.body.trim()
    const readable = plain !== '' && plain.length <= 2_000 && !plain.startsWith('<')
    return { text: readable ? plain : response.statusText.trim(), fields: undefined }
  }
  const { message, errors } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >
  const fields =
    typeof errors === 'object' && errors !== null
      ? Object.fromEntries(Object.entries(errors).map(([name, value]) => [name, String(value).trim()]))
      : undefined
  const said = typeof message === 'string' ? message.trim() : ''
  return { text: said === '' ? response.statusText.trim() : said, fields }
}

/** The name of the lock that a text complains about: `backup`, or the file of a lock that was waited for. */
export function lockIn(text: string): string | undefined {
  const held = /\b(?:CT|VM) is locked(?: \(([^)]+)\))?/.exec(text)
  if (held !== null) return held[1] ?? 'unknown'
  const waited = /can't (?:lock file|acquire lock) '([^']+)'/.exec(text)
  if (waited !== null) return waited[1]?.split('/').at(-1) ?? 'unknown'
  return /cfs-lock '([^']+)' error/.exec(text)?.[1]
}

export function lockedError(message: string, lock: string, data: ErrorFacts['data']): HomelabError {
  return new HomelabError('locked', message, {
    hint: 'Another task works on it: wait until that has ended, then try again.',
    data: { ...data, lock },
  })
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

function forbidden(text: string, call: CallFacts, data: Record<string, unknown>): HomelabError {
  const { user, kind } = call.auth
  const [, path, privileges] = /Permission check failed \((\/[^,)]*), *([^)]+)\)/.exec(text) ?? []
  const privilege = privileges?.split('|')[0]?.trim()
  if (path === undefined || privilege === undefined) {
    return new HomelabError('unauthorised', `Proxmox refuses this to ${user}: ${text}`, {
      hint: text.includes('root@pam')
        ? 'Only root@pam itself may do this, no token: do it on the node by SSH.'
        : `See what it may do: pveum user permissions ${quoted(user)}`,
      data,
    })
  }
  const [owner = user] = user.split('!')
  // A token has at most what its user has, so both get the role. root@pam has everything already.
  const grantees = [
    ...(kind === 'token' ? [`--tokens ${quoted(user)}`] : []),
    ...(kind === 'ticket' || owner !== 'root@pam' ? [`--users ${quoted(owner)}`] : []),
  ].join(' ')
  const target = /^[\w./-]+$/.test(path) ? path : quoted(path)
  return new HomelabError('unauthorised', `${user} lacks ${privilege} on ${path}`, {
    hint:
      `On a Proxmox node: pveum role add HomelabOperator --privs "${privilege}"; ` +
      `pveum acl modify ${target} ${grantees} --roles HomelabOperator ` +
      `(if the role exists: pveum role modify HomelabOperator --append 1 --privs "${privilege}")`,
    data: { ...data, privilege, path },
  })
}

function unauthorised(text: string, call: CallFacts, data: Record<string, unknown>): HomelabError {
  const { user, kind } = call.auth
  const why = text === '' ? 'no reason given' : text
  return new HomelabError('unauthorised', `Proxmox does not accept ${user}: ${why}`, {
    hint:
      kind === 'token'
        ? 'Check the token id (user@realm!name) and its secret, and that it has not expired. A new one: ' +
          `pveum user token add ${quoted(user.split('!')[0] ?? user)} homelab --privsep 1`
        : 'Check user@realm and the password.',
    data,
  })
}

/** Logical errors that PVE sends as 500, in the order in which they are tried. */
function logical(text: string, call: CallFacts, data: Record<string, unknown>): HomelabError {
  const { guest, node, vmid } = pathFacts(call.path)
  const what = guest === undefined ? (node ?? 'Proxmox') : `${guest} on ${node}`
  const lock = lockIn(text)
  if (lock !== undefined) {
    const held = text.includes(`is locked (${lock})`)
    return lockedError(`${what} is locked${held ? ` (${lock})` : `: ${text}`}`, lock, data)
  }
  if (guest !== undefined && new RegExp(`\\b(?:CT|VM) ${vmid} (?:is )?not running`).test(text)) {
    // PVE calls a container VM here.
    return new HomelabError('conflict', `${guest} is not running`, {
      hint: 'Start it instead.',
      data: { ...data, state: 'stopped' },
    })
  }
  if (/\balready running/.test(text)) {
    return new HomelabError('conflict', `${what} is already running`, { data: { ...data, state: 'running' } })
  }
  if (/detected modified configuration/.test(text)) {
    return new HomelabError(
      'conflict',
      `The configuration of ${what} was changed by somebody else meanwhile`,
      {
        hint: 'Look at the new configuration and try again.',
        data,
      },
    )
  }
  if (/if it's a template/.test(text)) return new HomelabError('conflict', `${what} is a template`, { data })
  if (
    guest !== undefined &&
    /Configuration file '[^']*' does not exist|unable to find configuration file for/.test(text)
  ) {
    return new HomelabError('not-found', `There is no ${what}`, {
      hint: 'It may have been removed, or moved to another node.',
      data,
    })
  }
  if (/no such task/.test(text)) {
    return new HomelabError('not-found', 'Proxmox does not know this task', {
      hint: 'Old task logs are removed after a while.',
      data,
    })
  }
  if (/hostname lookup '[^']+' failed|no such cluster node/.test(text)) {
    return new HomelabError('not-found', `Proxmox knows no node ${node ?? ''}: ${text}`, { data })
  }
  if (/does not exist|no such (?:VM|CT|storage|volume)/.test(text)) {
    return new HomelabError('not-found', `${what}: ${text}`, { data })
  }
  if (/got timeout|timed out/.test(text)) return new HomelabError('timeout', `${what}: ${text}`, { data })
  return new HomelabError('failed', `${what}: ${text}`, { data })
}

/** A change whose answer is lost. It is never sent again: whoever asked must look at the state. */
export function unclearError(call: CallFacts, why: string, cause?: unknown): HomelabError {
  const { node, guest } = pathFacts(call.path)
  const what = guest === undefined ? call.path : `${guest} on ${node} (${call.path.split('/').at(-1)})`
  return new HomelabError(
    'unclear',
    `The answer to a change of ${what} was lost, it may have happened: ${why}`,
    {
      hint: 'Look at its state and its tasks before trying again.',
      data: { ...(node === undefined ? {} : { node }), path: call.path, method: call.method },
      ...(cause === undefined ? {} : { cause }),
    },
  )
}

function gatewayError(
  response: HttpResponse,
  text: string,
  call: CallFacts,
  data: Record<string, unknown>,
): HomelabError {
  const { node } = pathFacts(call.path)
  const why = `${response.status} ${text}`.trim()
  if (call.method !== 'GET' && response.status !== 595) return unclearError(call, why)
  return new HomelabError(
    'unreachable',
    `Proxmox cannot reach ${node === undefined ? 'its own API' : `node ${node}`}: ${why}`,
    {
      hint: node === undefined ? 'Try again in a moment.' : `Is ${node} switched on and on the network?`,
      data,
    },
  )
}

/** For an answer that is not 2xx. */
export function errorOf(response: HttpResponse, call: CallFacts): HomelabError {
  const { status } = response
  const { text, fields } = refusal(response)
  const { node } = pathFacts(call.path)
  const data: Record<string, unknown> = {
    status,
    text,
    request: `${call.method} ${call.path}`,
    ...(node === undefined ? {} : { node }),
    ...(fields === undefined ? {} : { fields }),
  }
  if (isGatewayError(status)) return gatewayError(response, text, call, data)
  if (status === 401) return unauthorised(text, call, data)
  if (status === 403) return forbidden(text, call, data)
  const perField = Object.entries(fields ?? {})
  const all = [text, ...perField.map(([, value]) => value)].join(' ')
  if (status === 400 && perField.length > 0 && !/no such task|detected modified configuration/.test(all)) {
    const list = perField.map(([name, value]) => `${name}: ${value}`).join('; ')
    return new HomelabError('usage', `Proxmox refuses the parameters: ${list}`, { data })
  }
  if (status >= 300 && status < 400) {
    return new HomelabError(
      'failed',
      `The Proxmox address redirects to ${response.headers.location ?? 'elsewhere'}`,
      {
        hint: 'Give the address of the API itself, for example https://pve:8006.',
        data,
      },
    )
  }
  if (status === 501 || status === 404) {
    return new HomelabError(
      'failed',
      `This Proxmox does not know ${call.method} ${call.path}: ${status} ${all}`,
      {
        hint: 'Is it Proxmox VE 8 or newer, and is the address the one of its API (https://pve:8006)?',
        data,
      },
    )
  }
  return logical(all.trim() === '' ? `HTTP status ${status}` : all.trim(), call, data)
}
