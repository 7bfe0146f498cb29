import { z } from 'zod'
import { timeIn } from '../../alerts/card.ts'
import { Maintenance } from '../../alerts/types.ts'
import { parseDuration } from '../../duration.ts'
import type { Lab } from '../../inventory/types.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'

const MAX_MS = 7 * 86_400_000
const span = (text: string): number => parseDuration(text) ?? 0

export const Shown = Maintenance.extend({ timezone: z.string().optional(), at: z.string() })
export type Shown = z.infer<typeof Shown>

export const maintenanceStart = defineOperation({
  id: 'maintenance.start',
  chat: 'maintenance start',
  title: 'Begin maintenance',
  description:
    'Nobody is told of alerts about these services, and their backups wait. It ends by itself, and then says what it held back.',
  risk: 'change',
  immediate: true,
  permission: 'operator',
  input: z.object({
    what: z
      .array(z.string().describe('Service, guest, @stack or @all').meta({ suggest: 'services' }))
      .min(1)
      .describe('Services, guests, @stack or @all'),
    for: z
      .string()
      .refine((text) => span(text) > 0 && span(text) <= MAX_MS, 'up to 7 days, such as 2h')
      .default('1h')
      .describe('For how long: 30m, 2h. Default: 1h'),
    why: z.string().max(200).optional().describe('For the others'),
  }),
  output: Shown,
  positional: ['what'],
  examples: ['maintenance start plex for:2h', 'maintenance start @all for:30m why:"new disk"'],
  needs: ['maintenances', 'lab', 'caller', 'clock'],
  plan: async (input, { lab }, { signal }) => {
    const { vmids, services, all } = await coverOf(input.what, lab, signal)
    const length = duration(span(input.for))
    return {
      summary: `Maintenance of ${all ? 'the whole lab' : input.what.join(', ')} for ${length}`,
      steps: [
        `Nobody is told of alerts about ${all ? 'anything' : services.join(', ') || input.what.join(', ')} for ${length}`,
        'Scheduled backups of it alone wait until it is over',
        'Then it says what it held back',
      ],
      affects: [],
      warnings: all ? ['Also what is critical is held back, whatever it is about.'] : [],
      locks: [],
      ...(all ? { confirm: true } : {}),
      state: { vmids, for: span(input.for), all },
    }
  },
  run: async (input, { maintenances, lab, caller, clock }, { signal }) => {
    const now = clock.now()
    const until = new Date(now.getTime() + span(input.for))
    const cover = await coverOf(input.what, lab, signal)
    const why = input.why === undefined ? {} : { why: input.why }
    const started = await maintenances.start({ what: input.what, ...cover, ...why }, until, caller)
    const { timezone } = lab.inventory
    return { ...started, ...(timezone === undefined ? {} : { timezone }), at: now.toISOString() }
  },
  card: (maintenance) => ({
    title: `Maintenance of ${maintenance.all ? 'the whole lab' : maintenance.what.join(', ')}`,
    tone: 'ok',
    text: `Until ${timeIn(maintenance.timezone, maintenance.until, new Date(maintenance.at))} nobody is told of alerts about it.${held(maintenance)}`,
    buttons: [
      { label: 'End it now', action: { kind: 'command', text: `maintenance stop ${maintenance.id}` } },
    ],
    footer: `maintenance ${maintenance.id} · times of ${maintenance.timezone ?? 'UTC'}`,
  }),
})

const held = ({ schedules }: Maintenance): string =>
  schedules.length === 0 ? '' : ` These wait: ${schedules.join(', ')}.`

/** @throws HomelabError as `lab.resolve` does */
async function coverOf(
  what: readonly string[],
  lab: Lab,
  signal: AbortSignal,
): Promise<{ vmids: number[]; services: string[]; all: boolean }> {
  const all = what.some((name) => name.toLowerCase() === '@all')
  const targets = await lab.resolve(what, { signal })
  const vmids = targets.map(({ guest }) => guest.vmid)
  // Services that share a guest go down with it.
  const beside = lab.inventory.services.filter(({ guest, name }) =>
    targets.some(
      (target) => target.name === name || target.guest.vmid === guest || target.guest.name === String(guest),
    ),
  )
  return { vmids, services: beside.map(({ name }) => name), all }
}
