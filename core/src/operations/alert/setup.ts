import { z } from 'zod'
import { setupSteps } from '../../alerts/setup.ts'
import { HomelabError, isHomelabError } from '../../errors.ts'
import { alertSources } from '../../inventory/alerts-schema.ts'
import { refText } from '../../inventory/fields.ts'
import type { AlertSourceEntry } from '../../inventory/schema.ts'
import type { Lab } from '../../inventory/types.ts'
import { didYouMean, joinWords } from '../../nearest.ts'
import type { Card, Section } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Proxmox } from '../../proxmox/types.ts'

const Step = z.object({
  title: z.string(),
  items: z.array(z.string()),
  code: z.object({ file: z.string(), type: z.string(), text: z.string() }).optional(),
})

const Source = z.object({
  name: z.string(),
  kind: z.enum(alertSources),
  url: z.string(),
  /** Where its secret is, never what it is. */
  secret: z.string(),
  /** In order; the last one sends a test. */
  steps: z.array(Step),
})

const Output = z.object({
  sources: z.array(Source),
  /** Nobody but programs of the bot's own machine can come to these addresses. */
  loopback: z.boolean(),
  /** The bot is reached by an address that it does not know: `BOT` stands for it. */
  unknown: z.boolean(),
})
type Output = z.infer<typeof Output>
type SourceRow = z.infer<typeof Source>

export const alertSetup = defineOperation({
  id: 'alert.setup',
  chat: 'alert setup',
  title: 'How sources of alerts are set up',
  description:
    'For Alertmanager, Grafana, Proxmox, Uptime Kuma and whatever sends JSON: where they send to, every setting and command, and how to send a test. It says where the secrets are, never what they are.',
  risk: 'read',
  permission: 'admin',
  rare: true,
  private: true,
  surfaces: ['chat', 'cli', 'api'],
  input: z.object({
    source: z.string().max(100).optional().describe('Name of a source in homelab.yaml; default: all'),
  }),
  output: Output,
  positional: ['source'],
  examples: ['alert setup', 'alert setup proxmox'],
  needs: ['lab', 'proxmox'],
  run: async ({ source }, { lab, proxmox }, { signal }) => {
    const { sources } = lab.inventory.alerts
    const chosen = source === undefined ? sources : [named(sources, source)]
    const base = await reached(lab, proxmox, signal)
    return {
      loopback: base.loopback,
      unknown: base.unknown,
      sources: chosen.map((entry) => {
        const url = `${base.url}/alerts/${encodeURIComponent(entry.name)}`
        return {
          name: entry.name,
          kind: entry.kind,
          url,
          secret: refText(entry.secret),
          steps: setupSteps({ source: entry, url }).map(({ title, items = [], code }) => ({
            title,
            items: [...items],
            ...(code === undefined ? {} : { code }),
          })),
        }
      }),
    }
  },
  card: (output) => {
    const [only, ...others] = output.sources
    if (only === undefined) return nothingCard
    return others.length === 0 ? sourceCard(only, output) : listCard(output)
  },
})

function named(sources: readonly AlertSourceEntry[], wanted: string): AlertSourceEntry {
  const name = wanted.trim().toLowerCase()
  const found =
    sources.find((each) => each.name.toLowerCase() === name) ??
    sources.find(({ kind }, _, all) => kind === name && all.filter((each) => each.kind === kind).length === 1)
  if (found !== undefined) return found
  const kind = alertSources.find((each) => each === name)
  const names = sources.map((each) => each.name)
  throw new HomelabError(
    'not-found',
    `homelab.yaml has no source of alerts "${wanted}".${didYouMean(wanted, names)}`,
    {
      hint:
        kind === undefined
          ? names.length === 0
            ? `Add one under alerts.sources: ${joinWords([...alertSources], 'or')}.`
            : `There are ${joinWords(names)}.`
          : `Add it under alerts.sources: ${example(kind)}`,
    },
  )
}

const example = (kind: string): string => `${kind}: { secret: env:ALERTS_${kind.toUpperCase()} }`

interface Reached {
  readonly url: string
  readonly loopback: boolean
  readonly unknown: boolean
}

const isAny = (host: string): boolean => host === '0.0.0.0' || /^[:0]+$/.test(host)

async function reached(
  lab: Pick<Lab, 'inventory' | 'overview'>,
  proxmox: Pick<Proxmox, 'guestAddresses'>,
  signal: AbortSignal,
): Promise<Reached> {
  const { alerts, console } = lab.inventory
  const { host, port } = alerts.listen ?? console
  const own = isAny(host) ? await ownAddress(lab, proxmox, signal) : host
  const shown = own ?? 'BOT'
  return {
    url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`,
    loopback: shown === 'localhost' || shown === '::1' || shown.startsWith('127.'),
    unknown: own === undefined,
  }
}

/** Of the guest that we run in, when the file says which and Proxmox knows it. */
async function ownAddress(
  lab: Pick<Lab, 'inventory' | 'overview'>,
  proxmox: Pick<Proxmox, 'guestAddresses'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { guest: wanted } = lab.inventory.bot
  if (wanted === undefined) return undefined
  try {
    const { guests } = await lab.overview({ signal })
    const guest = guests.find(
      ({ vmid, name }) => vmid === Number(wanted) || name.toLowerCase() === String(wanted).toLowerCase(),
    )
    const addresses = guest === undefined ? [] : ((await proxmox.guestAddresses(guest, signal)) ?? [])
    return addresses.find((address) => !address.startsWith('127.') && !address.includes(':'))
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return undefined
  }
}

const nothingCard: Card = {
  title: 'No source of alerts',
  tone: 'neutral',
  text: 'homelab.yaml names who may send alerts, and where the secret of each is.',
  sections: [
    {
      kind: 'code',
      title: 'For a beginning',
      text: `alerts:\n  sources:\n${alertSources.map((kind) => `    ${example(kind)}`).join('\n')}\n`,
      keep: 'start',
    },
  ],
}

function where({ loopback, unknown }: Output): Section[] {
  const text = unknown
    ? 'BOT stands for the address of the bot as the source reaches it: bot.guest of homelab.yaml would tell.'
    : loopback
      ? "Only programs on the bot's own machine can come there. For others set alerts.listen: { host: <its address>, port: 8790 }, and start the bot again."
      : undefined
  return text === undefined ? [] : [{ kind: 'text', title: 'Mind', text }]
}

const kinds: Readonly<Record<SourceRow['kind'], string>> = {
  alertmanager: 'Alertmanager',
  grafana: 'Grafana',
  proxmox: 'Proxmox',
  kuma: 'Uptime Kuma',
  generic: 'whatever sends JSON',
}

function sourceCard({ name, kind, url, secret, steps }: SourceRow, output: Output): Card {
  // The first alone: who sends the answer to a file or a shell gets one thing.
  const [main] = steps.flatMap(({ code }) => (code === undefined ? [] : [code]))
  return {
    title: `Alerts from ${kinds[kind]}${name === kind ? '' : ` (${name})`}`,
    tone: output.loopback || output.unknown ? 'warning' : 'neutral',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'It sends to', value: url },
          { name: 'With the secret in', value: secret },
        ],
      },
      ...where(output),
      ...steps.flatMap(({ title, items, code }): Section[] => [
        ...(items.length === 0 ? [] : [{ kind: 'list' as const, title, items }]),
        ...(code === undefined
          ? []
          : [{ kind: 'code' as const, title: code.file, text: code.text.trimEnd(), keep: 'start' as const }]),
      ]),
    ],
    ...(main === undefined ? {} : { attachments: [{ name: main.file, type: main.type, text: main.text }] }),
  }
}

const listCard = (output: Output): Card => ({
  title: `${output.sources.length} sources of alerts`,
  tone: output.loopback || output.unknown ? 'warning' : 'neutral',
  sections: [
    {
      kind: 'table',
      columns: [{ name: 'Source' }, { name: 'Kind' }, { name: 'Sends to' }, { name: 'Secret' }],
      rows: output.sources.map(({ name, kind, url, secret }) => [name, kind, url, secret]),
    },
    ...where(output),
  ],
  buttons: output.sources.slice(0, 5).map(({ name }) => ({
    label: name,
    action: { kind: 'command' as const, text: `alert setup ${name}` },
  })),
})
