/** Who is let in: host names, origins, and the headers that keep a browser on our side. */
import type { Context } from 'hono'

/** Everything comes from here, and nothing in a page's text can run. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // Not `no-referrer`: with it a browser hides the Origin of our own forms.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
}

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Whether a request's Host is a name of this console. A page that makes its own name resolve to
 * 127.0.0.1 still sends its own name here (DNS rebinding), which no address can be used for.
 * @param port the one the request came in on
 */
export function hostAllowed(
  host: string | undefined,
  port: number | undefined,
  options: { readonly loopbackOnly: boolean; readonly hosts: readonly string[] },
): boolean {
  if (host === undefined || !/^[\w.:[\]-]+$/.test(host)) return false
  const named = host.toLowerCase()
  const [, name = '', given = '80'] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(named) ?? []
  if (options.hosts.some((allowed) => allowed.toLowerCase() === named || allowed.toLowerCase() === name))
    return true
  if (loopbackNames.has(name)) return port === undefined || Number(given) === port
  return !options.loopbackOnly && (/^\d{1,3}(\.\d{1,3}){3}$/.test(name) || name.startsWith('['))
}

/** Whether a browser says that this request was made by one of our own pages, or is no browser. */
export function sameOrigin(c: Context): boolean {
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin') return false
  const origin = c.req.header('origin')
  if (origin === undefined) return true
  try {
    return new URL(origin).host === c.req.header('host')?.toLowerCase()
  } catch {
    return false
  }
}

interface Socket {
  readonly localPort?: number
  readonly remoteAddress?: string
}

/** The connection that the request came by; absent when the app is called without one. */
export function socketOf(c: Context): Socket {
  const env: { incoming?: { socket?: Socket } } | undefined = c.env
  return env?.incoming?.socket ?? {}
}

/** A path of ours to go on to, whatever a link claims. */
export const localPath = (path: string): string => (/^\/(?![/\\])[^\r\n\t]*$/.test(path) ? path : '/')
