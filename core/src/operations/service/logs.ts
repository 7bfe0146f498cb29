import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { knownService } from '../../health/index.ts'
import { defineOperation } from '../../operation/define.ts'
import { guestPlace } from '../../operation/view.ts'
import { one } from '../guest/one.ts'

const Output = z.object({
  service: z.string(),
  unit: z.string().optional(),
  lines: z.array(z.string()),
  truncated: z.boolean(),
})

/** What a person writes for a time span, in journalctl's own words. */
const since = z
  .string()
  .regex(
    /^\d{1,4}(s|m|min|h|d)$|^today$|^yesterday$|^\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?$/,
    'is like 30m, 2h, 1d, today or 2026-11-23',
  )

export const logs = defineOperation({
  id: 'service.logs',
  chat: 'logs',
  title: 'Read the log of a service',
  description:
    'The journal of its unit inside its container; without a known unit, the whole journal of the container.',
  risk: 'read',
  permission: 'operator',
  input: z.object({
    service: z.string().describe('Service or guest').meta({ suggest: 'services' }),
    lines: z.int().min(1).max(2000).default(50).describe('How many lines, the newest'),
    since: since.optional().describe('Only newer than this: 30m, 2h, 1d, today'),
    grep: z.string().max(200).optional().describe('Only lines that contain this text'),
  }),
  output: Output,
  positional: ['service'],
  examples: ['logs plex', 'logs sonarr since:2h grep:error', 'logs n8n lines:200'],
  needs: ['lab', 'shells'],
  run: async ({ service: name, lines, since, grep }, { lab, shells }, { signal }) => {
    const target = await one(lab, name, signal)
    const { guest, service } = target
    if (guest.type !== 'lxc') {
      throw new HomelabError('usage', `${target.name} is a VM; logs are read inside containers only.`)
    }
    if (guest.status !== 'running') {
      throw new HomelabError(
        'conflict',
        `${target.name} (${guestPlace(guest)}) is ${guest.status}: its journal can only be read while it runs.`,
        {
          hint: `\`start ${target.name}\`, or \`task list guest:${guest.vmid}\` for why it stopped.`,
        },
      )
    }
    const units =
      service?.unit === undefined ? (knownService(service?.kind ?? target.name)?.units ?? []) : [service.unit]
    const argv = ['journalctl', '--no-pager', '--output=short-iso', '--quiet']
    for (const unit of units) argv.push(`--unit=${unit}`)
    if (since !== undefined) argv.push(`--since=${journalTime(since)}`)
    // journalctl's own --grep is a regular expression and not in every build: the text is looked for here.
    argv.push(`--lines=${grep === undefined ? lines : Math.max(lines, 5000)}`)
    const result = await shells.guest(guest).exec(argv, { signal, timeoutMs: 30_000 })
    if (result.code !== 0) {
      throw new HomelabError(
        'failed',
        `journalctl in ${target.name} failed: ${result.stderr.trim() || `exit code ${result.code}`}`,
        {
          data: { argv, code: result.code },
        },
      )
    }
    const needle = grep?.toLowerCase()
    const all = result.stdout.split('\n').filter((line) => line !== '')
    const matching = needle === undefined ? all : all.filter((line) => line.toLowerCase().includes(needle))
    return {
      service: target.name,
      ...(units[0] === undefined ? {} : { unit: units.join(', ') }),
      lines: matching.slice(-lines),
      truncated: result.truncated || matching.length > lines,
    }
  },
  card: ({ service, unit, lines }, { grep, since: from }) => ({
    title: `Log of ${service}`,
    tone: 'neutral',
    ...(lines.length === 0
      ? { text: grep === undefined ? 'Nothing was logged.' : `No line contains "${grep}".` }
      : { sections: [{ kind: 'code', text: lines.join('\n'), keep: 'end' }] }),
    buttons: [{ label: 'Again', action: { kind: 'command', text: `logs ${service}` } }],
    footer: [unit, from === undefined ? undefined : `since ${from}`, `${lines.length} lines`]
      .filter((part) => part !== undefined)
      .join(' · '),
  }),
})

/** `2h` → `-2h`, which journalctl takes as before now; its minutes are `min`. */
const journalTime = (text: string): string =>
  /^\d+[a-z]+$/.test(text) ? `-${text.replace(/m$/, 'min')}` : text
