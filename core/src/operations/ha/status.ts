import { z } from 'zod'
import type { Tone } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import type { HaRule } from '../../proxmox/cluster-types.ts'

const Output = z.object({
  quorate: z.boolean(),
  /** The node whose manager decides; absent while nothing is looked after. */
  master: z.string().optional(),
  managers: z.array(z.object({ node: z.string(), status: z.string() })),
  resources: z.array(
    z.object({
      sid: z.string(),
      vmid: z.int(),
      /** Absent of one that is not there, or may not be seen. */
      name: z.string().optional(),
      wanted: z.string(),
      state: z.string().optional(),
      node: z.string().optional(),
      group: z.string().optional(),
      maxRestart: z.int(),
      maxRelocate: z.int(),
    }),
  ),
  /** Groups until Proxmox VE 8, rules from 9 on; absent where they could not be read. */
  rules: z
    .array(
      z.object({
        name: z.string(),
        kind: z.enum(['group', 'node-affinity', 'resource-affinity']),
        resources: z.array(z.string()),
        nodes: z.array(z.string()),
        strict: z.boolean(),
        apart: z.boolean(),
        disabled: z.boolean(),
      }),
    )
    .optional(),
})

const bad = ['error', 'fence', 'recovery']

export const haStatus = defineOperation({
  id: 'ha.status',
  chat: 'ha status',
  title: 'Show what HA looks after',
  description: 'The guests that Proxmox keeps running, what they are in, and the groups or rules for where.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({}),
  output: Output,
  needs: ['lab', 'proxmox'],
  run: async (_input, { lab, proxmox }, { signal }) => {
    const [status, rules, { guests }] = await Promise.all([
      proxmox.ha.status(signal),
      proxmox.ha.rules(signal).catch(() => undefined),
      lab.overview({ signal }),
    ])
    signal.throwIfAborted()
    return {
      ...status,
      managers: status.managers.map((each) => ({ ...each })),
      resources: status.resources.map((each) => {
        const name = guests.find(({ vmid }) => vmid === each.vmid)?.name
        return name === undefined ? { ...each } : { ...each, name }
      }),
      ...(rules === undefined
        ? {}
        : {
            rules: rules.map((rule) => ({
              ...rule,
              resources: [...rule.resources],
              nodes: [...rule.nodes],
            })),
          }),
    }
  },
  failed: ({ quorate, resources }) => !quorate || resources.some(({ state = '' }) => bad.includes(state)),
  card: ({ quorate, master, managers, resources, rules = [] }) => ({
    title: titleOf(quorate, resources.length),
    tone: toneOf(quorate, resources),
    sections: [
      ...(resources.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              columns: [
                { name: 'Guest' },
                { name: 'Asked for' },
                { name: 'State' },
                { name: 'Node' },
                { name: 'Group' },
              ],
              rows: resources.map(({ sid, name, wanted, state = 'queued', node, group }) => [
                name === undefined ? sid : `${name} (${sid})`,
                wanted,
                { text: state, tone: bad.includes(state) ? ('error' as const) : ('ok' as const) },
                node ?? '–',
                group ?? '–',
              ]),
            },
          ]),
      ...(rules.length === 0
        ? []
        : [{ kind: 'list' as const, title: 'Where they may run', items: rules.map(ruleText) }]),
      ...(managers.length === 0
        ? []
        : [{ kind: 'list' as const, title: 'Managers', items: managers.map(({ status }) => status) }]),
    ],
    ...(master === undefined ? {} : { footer: `${master} decides` }),
  }),
})

const titleOf = (quorate: boolean, count: number): string =>
  !quorate
    ? 'HA has no quorum, and does nothing'
    : count === 0
      ? 'HA looks after no guest'
      : `HA looks after ${count === 1 ? 'one guest' : `${count} guests`}`

const toneOf = (quorate: boolean, resources: z.infer<typeof Output>['resources']): Tone =>
  !quorate || resources.some(({ state = '' }) => bad.includes(state))
    ? 'error'
    : resources.length === 0
      ? 'neutral'
      : 'ok'

export function ruleText({ name, kind, resources, nodes, strict, apart, disabled }: HaRule): string {
  const off = disabled ? ', switched off' : ''
  if (kind === 'resource-affinity')
    return `${name}: ${resources.join(', ')} ${apart ? 'never on the same node' : 'always on the same node'}${off}`
  const who = kind === 'group' ? name : `${name}: ${resources.join(', ')}`
  return `${who} ${strict ? 'only' : 'preferably'} on ${nodes.join(', ')}${off}`
}
