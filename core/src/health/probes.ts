/** How an answer is judged: pure, one function a protocol or service. Sources: each project's own health page. */
import type { ExecResult } from '../ports.ts'

export interface Verdict {
  readonly state: 'up' | 'degraded' | 'down'
  readonly detail: string
}

export interface HttpProbe {
  readonly via: 'http'
  readonly path: string
  readonly scheme: 'http' | 'https'
  readonly judge: (status: number, body: string) => Verdict
}

/** A question in the service's own protocol, and the program that asks it inside the container. */
export interface TcpProbe {
  readonly via: 'tcp'
  readonly send: Uint8Array
  readonly judge: (answer: Uint8Array) => Verdict
  readonly command?: (port: number) => readonly string[]
  readonly judgeCommand?: (result: ExecResult) => Verdict
}

export const up = (detail: string): Verdict => ({ state: 'up', detail })
export const degraded = (detail: string): Verdict => ({ state: 'degraded', detail })
export const down = (detail: string): Verdict => ({ state: 'down', detail })

/** For any web page: a login wall is alive, an unknown page is a server that answers, 5xx is not ready. */
export function judgeStatus(status: number): Verdict {
  if (status < 400 || status === 401 || status === 403) return up(`HTTP ${status}`)
  return status < 500 ? degraded(`HTTP ${status}`) : down(`HTTP ${status}`)
}

function json(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** A page of a known service. Its 200 may not be enough: `judge` sees the body and may object. */
export const page = (
  path: string,
  judge: (body: string) => Verdict | undefined = () => undefined,
  scheme: 'http' | 'https' = 'http',
): HttpProbe => ({
  via: 'http',
  path,
  scheme,
  judge: (status, body) => {
    // Some proxy or another port answers, not the service.
    if (status >= 300 && status < 400) return degraded(`HTTP ${status}: redirects elsewhere`)
    return (status === 200 ? judge(body) : undefined) ?? judgeStatus(status)
  },
})

export const traefikPing: HttpProbe = {
  via: 'http',
  path: '/ping',
  scheme: 'http',
  // 404: the process answers, but `ping` is not in its static configuration.
  judge: (status) =>
    status === 404 ? up('answers, but /ping is not enabled in its configuration') : judgeStatus(status),
}

export const cloudflaredReady: HttpProbe = {
  via: 'http',
  path: '/ready',
  scheme: 'http',
  judge: (status, body) => {
    const connections = Number(json(body).readyConnections ?? (status === 200 ? 1 : 0))
    if (status === 503) return down('no connection to the Cloudflare edge')
    if (status !== 200) return judgeStatus(status)
    return up(`${connections} ${connections === 1 ? 'connection' : 'connections'} to the Cloudflare edge`)
  },
}

export const grafanaHealth: HttpProbe = {
  via: 'http',
  path: '/api/health',
  scheme: 'http',
  // It answers 503 with `database: failing` while the web server itself is fine.
  judge: (status, body) => {
    const database = json(body).database
    if (typeof database === 'string' && database !== 'ok') return degraded(`its database is ${database}`)
    return judgeStatus(status)
  },
}

export const nextcloudStatus: HttpProbe = page(
  '/status.php',
  (body) => {
    const status = json(body)
    if (status.installed === undefined) return degraded('HTTP 200, but not the status of Nextcloud')
    if (status.installed !== true) return degraded('Nextcloud is not installed yet')
    if (status.maintenance === true) return degraded('maintenance mode is on')
    if (status.needsDbUpgrade === true) return degraded('waits for its upgrade (occ upgrade)')
    return undefined
  },
  'https',
)

export const jellyfinHealth = page('/health', (body) =>
  body.trim() === 'Degraded' ? degraded('Jellyfin reports Degraded') : undefined,
)

export const immichPing = page('/api/server/ping', (body) =>
  json(body).res === 'pong' ? undefined : degraded('HTTP 200, but not the answer of Immich'),
)

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (answer: Uint8Array): string => new TextDecoder().decode(answer)

/** StartupMessage of protocol 3.0. The server answers `R` (it wants to authenticate us) or `E` with an SQLSTATE. */
function startupMessage(): Uint8Array {
  const body = bytes('user\0homelab\0database\0postgres\0application_name\0homelab\0\0')
  const message = new Uint8Array(8 + body.length)
  message.set([0, 0, 0, message.length, 0, 3, 0, 0])
  message.set(body, 8)
  return message
}

export const postgres: TcpProbe = {
  via: 'tcp',
  send: startupMessage(),
  judge: (answer) => {
    if (answer[0] === 0x52) return up('asks for authentication')
    if (answer[0] !== 0x45)
      return down(answer.length === 0 ? 'closed the connection' : 'the answer is not PostgreSQL')
    const fields = text(answer.subarray(5)).split('\0')
    const code = fields.find((field) => /^C[0-9A-Z]{5}$/.test(field))?.slice(1)
    const message = fields.find((field) => field.startsWith('M'))?.slice(1) ?? 'no reason given'
    if (code === '57P03') return down(message)
    if (code?.startsWith('53')) return degraded(message)
    // It refuses us (no such user, no pg_hba line): alive, and that is all we ask.
    return up('refuses a login without rights, as it should')
  },
  command: (port) => ['pg_isready', '-h', '127.0.0.1', '-p', String(port), '-t', '5'],
  judgeCommand: ({ code, stdout }) => {
    if (code === 0) return up('accepts connections')
    return down(code === 1 ? 'rejects connections: it starts or stops' : stdout.trim() || 'no answer')
  },
}

function judgeRedis(answer: string): Verdict {
  const line = answer.trim().split(/\r?\n/)[0] ?? ''
  if (/^\+?PONG$/.test(line)) return up('PONG')
  if (/^-?(\(error\) )?(NOAUTH|DENIED|NOPERM)\b/.test(line)) return up('answers, and wants a password')
  if (/^-?(\(error\) )?(LOADING|MASTERDOWN|BUSY|ERR|MISCONF)\b/.test(line))
    return degraded(line.replace(/^-/, ''))
  return down(line === '' ? 'closed the connection' : 'the answer is not Redis')
}

export const redis: TcpProbe = {
  via: 'tcp',
  send: bytes('PING\r\n'),
  judge: (answer) => judgeRedis(text(answer)),
  command: (port) => ['redis-cli', '-h', '127.0.0.1', '-p', String(port), 'ping'],
  judgeCommand: ({ stdout, stderr }) =>
    judgeRedis(stdout.trim() === '' ? (/refused/.test(stderr) ? '' : stderr) : stdout),
}

/** Nothing but that the port accepts a connection. */
export const connects: TcpProbe = {
  via: 'tcp',
  send: new Uint8Array(0),
  judge: () => up('accepts connections'),
}
