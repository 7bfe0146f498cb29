import { z } from 'zod'
import { Address, Hostname } from '../../inventory/fields.ts'
import { defineOperation } from '../../operation/define.ts'
import { guestPlace } from '../../operation/view.ts'
import { planProvision } from '../../provision/plan.ts'
import { runProvision } from '../../provision/run.ts'
import { provisionNeeds, provisionWants } from '../../provision/types.ts'
import { vmidInput } from '../guest/inputs.ts'

const hours = 3_600_000

const input = z.object({
  blueprint: z
    .string()
    .min(1)
    .max(63)
    .describe('What to make: the name of a blueprint')
    .meta({ suggest: 'blueprints' }),
  name: z.string().max(63).optional().describe("What it is called; default: the blueprint's name"),
  node: z
    .string()
    .optional()
    .describe('Node; default: where its folders are, or the most memory is free')
    .meta({ suggest: 'nodes' }),
  storage: z
    .string()
    .optional()
    .describe('Where its root disk goes; default: a storage of homelab.yaml, or the only one')
    .meta({ suggest: 'storages' }),
  vmid: vmidInput,
  cores: z.int().min(1).max(512).optional().describe('Cores'),
  memory: z.int().min(16).optional().describe('Memory in MiB'),
  disk: z.int().min(1).max(100_000).optional().describe('Its root disk in GiB'),
  ip: z
    .string()
    .regex(/^\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}$/, 'is like 192.168.1.150/24')
    .optional()
    .describe('Its address, such as 192.168.1.150/24; default: by DHCP'),
  gateway: Address.optional().describe('Its gateway, with an address of its own'),
  bridge: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9._-]{0,14}$/)
    .optional()
    .describe('The bridge of its network card; default: vmbr0, and of a VM that of its template'),
  expose: z.boolean().optional().describe('Reachable from outside; default: as its blueprint says'),
  public: z.boolean().optional().describe('Without Access; default: as its blueprint says'),
  hostname: Hostname.optional().describe('Under which name; default: its own under the domain'),
  gpu: z.boolean().optional().describe('Its GPU; false goes without'),
})

export const provision = defineOperation({
  id: 'service.provision',
  chat: 'provision',
  title: 'Make a service',
  description:
    'From its blueprint, as one run: guest, folders, database, installation, health, route, exposure, backup, monitoring, and its lines in homelab.yaml. Whole or not at all.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  deadlineMs: 4 * hours,
  input,
  output: z.object({
    service: z.string(),
    title: z.string(),
    vmid: z.int(),
    type: z.enum(['lxc', 'qemu']),
    node: z.string(),
    address: z.string().optional(),
    url: z.string().optional(),
    /** On the shared PostgreSQL; its password is in the container alone. */
    database: z.string().optional(),
    /** Which plans save it, in words. */
    saved: z.array(z.string()).readonly(),
    /** Whether Prometheus was told of it. */
    watched: z.boolean(),
    /** Whether it was asked, and answers; false: nobody could ask it. */
    asked: z.boolean(),
    /** What was added to homelab.yaml; absent where there is no file. */
    diff: z.string().optional(),
    warnings: z.array(z.string()).readonly(),
  }),
  positional: ['blueprint'],
  examples: [
    'provision jellyfin',
    'provision n8n expose:false memory:4096',
    'provision jellyfin name:films node:pve2',
  ],
  needs: provisionNeeds,
  wants: provisionWants,
  plan: (wanted, services, { signal }) => planProvision(wanted, services, signal),
  run: (wanted, services, verbs) => runProvision(wanted, services, verbs),
  card: ({
    service,
    title,
    vmid,
    type,
    node,
    address,
    url,
    database,
    saved,
    watched,
    asked,
    diff,
    warnings,
  }) => ({
    title: asked ? `${title} is there, and answers` : `${title} is there; whether it answers was not asked`,
    tone: 'ok',
    ...(url === undefined ? {} : { text: url }),
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Guest', value: guestPlace({ vmid, type, node }) },
          ...(address === undefined ? [] : [{ name: 'Address', value: address }]),
          ...(database === undefined ? [] : [{ name: 'Database', value: database }]),
          { name: 'Saved', value: saved.length === 0 ? 'by no plan' : saved.join('; ') },
          ...(watched ? [{ name: 'Prometheus', value: 'knows it' }] : []),
        ],
      },
      ...(warnings.length === 0 ? [] : [{ kind: 'list' as const, title: 'Mind', items: warnings }]),
      ...(diff === undefined || diff === ''
        ? []
        : [{ kind: 'code' as const, title: 'homelab.yaml', text: diff, keep: 'start' as const }]),
    ],
    buttons: [
      { label: 'Show', action: { kind: 'command', text: `guest show ${service}` } },
      { label: 'Logs', action: { kind: 'command', text: `logs ${service}` } },
    ],
  }),
})
