/** `journalctl`: the same lines for the same time, whoever asks and however often. */

import type { Guest } from '../lab/model.ts'
import { nameOf } from '../lab/model.ts'
import { noise } from '../random.ts'
import type { Sim } from '../sim.ts'
import type { Output } from './answer.ts'
import { fail } from './answer.ts'
import { isUnit } from './unit.ts'

/** A service says something this often. */
const EVERY_MS = 47_000
const KEPT = 2_000

const messages: Readonly<Record<string, readonly string[]>> = {
  plex: [
    'INFO - [Req#4f2] Completed: [192.168.1.24:51422] 200 GET /library/sections',
    'INFO - Library section 1 (Movies) scan finished',
    'WARN - [Transcode] TranscodeSession: throttle stalled for 2 s',
    'ERROR - Failed to obtain a streaming resource',
  ],
  postgresql: [
    'LOG:  checkpoint starting: time',
    'LOG:  checkpoint complete: wrote 214 buffers (1.3%)',
    'ERROR:  canceling statement due to user request',
    'LOG:  connection authorized: user=nextcloud database=nextcloud',
  ],
  traefik: [
    'level=info msg="Configuration loaded from file"',
    'level=debug msg="Serving default certificate for request"',
    'level=error msg="error: unable to get ACME account"',
    'level=info msg="Register..." providerName=cloudflare',
  ],
}
const others = [
  'INFO: request handled in 12 ms',
  'INFO: scheduled job finished',
  'WARN: slow answer from a backend, 1.4 s',
  'ERROR: connection to 192.168.1.102:5432 was reset, trying again',
  'INFO: cache refreshed',
]

interface Line {
  readonly at: number
  readonly host: string
  readonly tag: string
  readonly text: string
}

interface Wanted {
  readonly unit: string | undefined
  readonly since: number | undefined
  readonly until: number | undefined
  readonly lines: number | undefined
  readonly grep: RegExp | undefined
  readonly output: string
  readonly reverse: boolean
  readonly quiet: boolean
}

const spans: Readonly<Record<string, number>> = {
  s: 1e3,
  sec: 1e3,
  second: 1e3,
  m: 6e4,
  min: 6e4,
  minute: 6e4,
  h: 36e5,
  hr: 36e5,
  hour: 36e5,
  d: 864e5,
  day: 864e5,
  w: 6048e5,
  week: 6048e5,
}

/** Times as systemd reads them: `-1h`, `1 hour ago`, `@1732000000`, `2026-11-23 09:00:00`, `today`. */
function moment(text: string, now: number): number | undefined {
  const epoch = /^@(\d+)(?:\.\d+)?$/.exec(text)?.[1]
  if (epoch !== undefined) return Number(epoch) * 1000
  if (text === 'now') return now
  if (text === 'today') return new Date(now).setUTCHours(0, 0, 0, 0)
  if (text === 'yesterday') return new Date(now).setUTCHours(0, 0, 0, 0) - 864e5
  const relative = /^-(.+)$/.exec(text)?.[1] ?? /^(.+) ago$/.exec(text)?.[1]
  if (relative !== undefined) {
    const parts = [...relative.matchAll(/(\d+)\s*([a-z]+)/gi)]
    const total = parts
      .map(
        ([, count = '0', unit = '']) =>
          Number(count) * (spans[unit] ?? spans[unit.replace(/s$/, '')] ?? Number.NaN),
      )
      .reduce((a, b) => a + b, 0)
    return parts.length > 0 && !Number.isNaN(total) ? now - total : undefined
  }
  const date = Date.parse(
    /^\d{4}-\d\d-\d\d \d\d:\d\d/.test(text) ? `${text.replace(' ', 'T').replace(/ UTC$/, '')}Z` : text,
  )
  return Number.isNaN(date) ? undefined : date
}

const valued = [
  'u',
  'unit',
  'S',
  'since',
  'U',
  'until',
  'n',
  'lines',
  'o',
  'output',
  'g',
  'grep',
  't',
  'identifier',
  'p',
  'priority',
]

/** Name → value of every option; a single letter may have its value attached. */
function options(args: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? ''
    const [, long, attached] = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? []
    const [, short, rest] = /^-([a-zA-Z])(.*)$/s.exec(arg) ?? []
    const name = long ?? short
    if (name === undefined) continue
    if (!valued.includes(name)) found.set(name, '')
    else if (attached !== undefined) found.set(name, attached)
    else if (rest) found.set(name, rest)
    else {
      index += 1
      found.set(name, args[index] ?? '')
    }
  }
  return found
}

const pattern = (text: string): RegExp => new RegExp(text, text === text.toLowerCase() ? 'i' : '')

function parse(args: readonly string[], now: number): Wanted | Output {
  const given = options(args)
  const get = (short: string, long: string) => given.get(long) ?? given.get(short)
  const times = [get('S', 'since'), get('U', 'until')].map((text) =>
    text === undefined ? undefined : (moment(text, now) ?? Number.NaN),
  )
  if (times.some(Number.isNaN))
    return fail(`Failed to parse timestamp: ${get('S', 'since') ?? get('U', 'until') ?? ''}`)
  const count = get('n', 'lines')
  const grep = get('g', 'grep')
  return {
    unit: get('u', 'unit'),
    since: times[0],
    until: times[1],
    lines: count === undefined || count === 'all' ? undefined : Number(count),
    grep: grep === undefined ? undefined : pattern(grep),
    output: get('o', 'output') ?? 'short',
    reverse: given.has('r') || given.has('reverse'),
    quiet: given.has('q') || given.has('quiet'),
  }
}

function linesOf(sim: Sim, guest: Guest | undefined, now: number, oldest: number): readonly Line[] {
  const host = guest ? nameOf(guest) : 'pve'
  const service = sim.lab.services.find(({ vmid }) => vmid === guest?.vmid)
  const texts = messages[service?.name ?? ''] ?? others
  const tag = `${service?.unit.replace(/\.service$/, '') ?? 'pvedaemon'}[412]`
  const began = guest?.startedAt ?? 0
  const last = Math.floor(now / EVERY_MS)
  const lines: Line[] = []
  for (let index = 0; index < KEPT; index += 1) {
    const at = (last - index) * EVERY_MS
    if (at < oldest) break
    const text = texts[Math.floor(noise(guest?.vmid ?? 1, last - index) * texts.length)] ?? ''
    lines.push({ at, host, tag, text })
  }
  // The journal outlives a restart, which shows in it.
  if (began >= oldest) {
    lines.push({ at: began, host, tag: 'systemd[1]', text: `Started ${service?.unit ?? 'the system'}.` })
  }
  for (const { vmid, at, text } of sim.logged)
    if (vmid === guest?.vmid && at >= oldest) lines.push({ at, host, tag, text })
  return lines.sort((a, b) => a.at - b.at)
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function print(line: Line, output: string): string {
  const date = new Date(line.at)
  if (output === 'cat') return line.text
  if (output === 'json') {
    return JSON.stringify({
      __REALTIME_TIMESTAMP: String(line.at * 1000),
      _HOSTNAME: line.host,
      SYSLOG_IDENTIFIER: line.tag.split('[')[0],
      MESSAGE: line.text,
    })
  }
  const iso = date.toISOString()
  const stamp = output.startsWith('short-iso')
    ? `${iso.slice(0, 19)}+0000`
    : `${months[date.getUTCMonth()]} ${iso.slice(8, 10)} ${iso.slice(11, 19)}`
  return `${stamp} ${line.host} ${line.tag}: ${line.text}`
}

/** @param guest undefined: the journal of the node itself */
export function journal(sim: Sim, guest: Guest | undefined, args: readonly string[]): Output {
  const now = sim.clock.now()
  const wanted = parse(args, now)
  if (!('output' in wanted)) return wanted
  const known = sim.lab.services.find(({ vmid }) => vmid === guest?.vmid)?.unit
  const all =
    wanted.unit !== undefined && known !== undefined && !isUnit(wanted.unit, known)
      ? []
      : linesOf(sim, guest, now, wanted.since ?? now - 864e5)
  const fitting = all.filter(
    ({ at, text }) => at <= (wanted.until ?? now) && (wanted.grep?.test(text) ?? true),
  )
  const shown = wanted.lines === undefined ? fitting : wanted.lines === 0 ? [] : fitting.slice(-wanted.lines)
  const printed = (wanted.reverse ? shown.toReversed() : shown).map((line) => print(line, wanted.output))
  if (printed.length === 0) return { stdout: wanted.quiet ? '' : '-- No entries --\n' }
  return { stdout: `${printed.join('\n')}\n` }
}
