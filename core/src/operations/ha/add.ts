import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Plan } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import type { HaState } from '../../proxmox/cluster-types.ts'
import { guestInput } from '../guest/inputs.ts'
import {
  actOf,
  HaOutput,
  type HaServices,
  haFields,
  haNeeds,
  haState,
  haTarget,
  quorumWarnings,
  reached,
  tiesOf,
} from './ask.ts'

const input = z.object({
  guest: guestInput,
  state: haState.optional().describe('What HA keeps it in; default: what it is in'),
  restarts: z.int().min(0).max(10).default(1).describe('Tries to start it again on its node'),
  relocates: z.int().min(0).max(10).default(1).describe('Then tries on other nodes'),
})
type Input = z.infer<typeof input>

export const haAdd = defineOperation({
  id: 'ha.add',
  chat: 'ha add',
  title: 'Let HA look after a guest',
  description: 'Proxmox then keeps it in its state, and starts it on another node when its own is gone.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  input,
  output: HaOutput,
  positional: ['guest'],
  examples: ['ha add vaultwarden', 'ha add 123 restarts:2 relocates:1'],
  needs: haNeeds,
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { target, state } = await find(wanted, services, signal)
    const { name, guest } = target
    return {
      summary: `Let HA look after ${name} (${guestPlace(guest)})`,
      steps: [actOf(target, state), `when its node is gone it is started on another, some minutes later`],
      affects: [],
      warnings: [...(await tiesOf(target, services, signal)), ...(await quorumWarnings(services, signal))],
      locks: [`guest/${guest.vmid}`],
      confirm: true,
      state: { vmid: guest.vmid, status: guest.status, wanted: state },
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox, lab } = services
    const { target, state } = (await verbs.step<Json>(
      'find',
      async () => (await find(wanted, services, verbs.signal)) as unknown as Json,
    )) as unknown as Awaited<ReturnType<typeof find>>
    const { guest, name } = target
    const settings = { state, maxRestart: wanted.restarts, maxRelocate: wanted.relocates }
    await verbs.change<string>(`add ${guest.vmid} to HA`, {
      act: async () => {
        await proxmox.ha.add(guest, settings)
        return state
      },
      find: async () => (await proxmox.ha.get(guest))?.wanted,
    })
    verbs.report({ text: `Waiting until HA has ${name} ${state}` })
    const status = await verbs.follow<string>('state', (signal) => reached(target, state, services, signal))
    await lab.overview({ fresh: true }).catch(() => undefined)
    return { name, vmid: guest.vmid, type: guest.type, node: guest.node, wanted: state, status }
  },
  card: (output) => ({
    title: `HA looks after ${output.name}`,
    tone: 'ok',
    sections: [haFields(output)],
    footer: guestPlace(output),
  }),
})

async function find(wanted: Input, services: HaServices, signal: AbortSignal) {
  const { proxmox } = services
  const target = await haTarget(services, wanted.guest, signal)
  const { guest, name } = target
  if ((await proxmox.ha.get(guest, signal)) !== undefined)
    throw new HomelabError('conflict', `HA looks after ${name} already.`, {
      hint: `\`ha set ${guest.vmid} <state>\` changes what it is asked for, \`ha status\` shows it.`,
    })
  const { status } = await proxmox.guestStatus(guest, signal)
  const state: HaState = wanted.state ?? (status === 'stopped' ? 'stopped' : 'started')
  return { target, state }
}
