/** Host names as they are typed, and what covers them: the domain, wildcards, free certificates. Pure. */
import { HomelabError } from '../errors.ts'

/** Of DNS. */
const LONGEST = 253
const LONGEST_LABEL = 63

/**
 * `Jellyfin`, `jellyfin.example.com` and `café.example.com` as DNS has them, in ASCII.
 * @param domain what a single label is put before, and what the name must be in; undefined: any
 * @throws HomelabError `usage` that says which part cannot be
 */
export function hostnameOf(typed: string, domain: string | undefined): string {
  const text = typed.trim().replace(/\.$/, '')
  const wrong = (why: string, hint?: string) =>
    new HomelabError('usage', `"${shortened(typed)}" cannot be a host name: ${why}.`, {
      hint: hint ?? `Give one such as ${domain === undefined ? 'media.example.com' : `media.${domain}`}.`,
    })
  if (text === '') throw wrong('it is empty')
  if (/^[a-z]+:\/\//i.test(text))
    throw wrong('it is a whole address', 'Leave out what is before and after the name.')
  if (/[\s/\\:@?#%`'"<>{}|^[\]]/u.test(text))
    throw wrong(`"${/[\s/\\:@?#%`'"<>{}|^[\]]/u.exec(text)?.[0]}" cannot be in one`)
  if (text.includes('*'))
    throw wrong('a wildcard would expose everything below it', 'Expose each host name by itself.')
  const whole = !text.includes('.') && domain !== undefined ? `${text}.${domain}` : text
  const ascii = toAscii(whole)
  if (ascii === undefined) throw wrong('it has characters that no host name can have')
  const labels = ascii.split('.')
  if (labels.length < 2)
    throw wrong('it has no domain', 'Set `network.domain` in homelab.yaml, or give it whole.')
  for (const label of labels) {
    if (label === '') throw wrong('there are two dots in a row')
    if (label.length > LONGEST_LABEL)
      throw wrong(
        `"${shortened(label)}" has ${label.length} characters in DNS, and a part has at most ${LONGEST_LABEL}`,
      )
    if (!/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(label))
      throw wrong(
        `"${shortened(label)}" is not letters, digits and dashes with a letter or digit at both ends`,
      )
  }
  if (ascii.length > LONGEST)
    throw wrong(`it has ${ascii.length} characters, and a name has at most ${LONGEST}`)
  if (/^[\d.]+$/.test(ascii)) throw wrong('it is an IP address')
  if (domain !== undefined && !within(ascii, domain))
    throw wrong(`it is not under ${domain}`, 'Only names under `network.domain` of homelab.yaml are exposed.')
  return ascii
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text)

/** By the platform's own IDNA; undefined when that refuses it. */
function toAscii(name: string): string | undefined {
  if (/^[\x21-\x7e]*$/.test(name)) return name.toLowerCase()
  const url = `http://${name}/`
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : undefined
}

/** Whether a name is the domain or below it. */
export const within = (hostname: string, domain: string): boolean =>
  hostname === domain || hostname.endsWith(`.${domain}`)

export const isWildcard = (pattern: string): boolean => pattern.includes('*')

/** As cloudflared and DNS match: `*.example.com` is every name below, however deep; nothing else is a pattern. */
export function covers(pattern: string, hostname: string): boolean {
  const wanted = pattern.toLowerCase()
  if (wanted === hostname) return true
  return wanted.startsWith('*.') && hostname.endsWith(wanted.slice(1)) && hostname.length > wanted.length - 1
}

/** As Cloudflare Access matches: a `*` is within one label, so `*.example.com` is one level and not two. */
export function accessCovers(pattern: string, hostname: string): boolean {
  const wanted = pattern.toLowerCase().split('.')
  const labels = hostname.split('.')
  return wanted.length === labels.length && wanted.every((part, at) => matchesLabel(part, labels[at] ?? ''))
}

function matchesLabel(pattern: string, label: string): boolean {
  const parts = pattern.split('*')
  if (parts.length === 1) return pattern === label
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  if (!label.startsWith(first) || !label.endsWith(last) || label.length < first.length + last.length)
    return false
  // Rarely more than one star: the middle parts have to come in their order.
  let rest = label.slice(first.length, label.length - last.length)
  for (const part of parts.slice(1, -1)) {
    const at = rest.indexOf(part)
    if (at < 0) return false
    rest = rest.slice(at + part.length)
  }
  return true
}

/** The free certificate of a zone is for the zone and one level below it. */
export const certified = (hostname: string, zone: string): boolean =>
  hostname === zone || (within(hostname, zone) && !hostname.slice(0, -zone.length - 1).includes('.'))
