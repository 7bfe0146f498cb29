import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Target } from '../../inventory/types.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Plan } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import { guestInput } from '../guest/inputs.ts'
import { HaOutput, haFields, haNeeds } from './ask.ts'
import { managedTarget } from './set.ts'

export const haRemove = defineOperation({
  id: 'ha.remove',
  chat: 'ha remove',
  title: 'Take a guest out of HA',
  description: 'It stays as it is, and is not started elsewhere any more when its node is gone.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  input: z.object({ guest: guestInput }),
  output: HaOutput,
  positional: ['guest'],
  examples: ['ha remove vaultwarden'],
  needs: haNeeds,
  async plan({ guest: named }, services, { signal }): Promise<Plan> {
    const { target, before } = await managedTarget(named, services, signal)
    const { name, guest } = target
    return {
      summary: `Take ${name} (${guestPlace(guest)}) out of HA`,
      steps: [`HA forgets ${name}, with its settings there; it stays ${guest.status}`],
      affects: [],
      warnings: ['When its node is gone, it is not started elsewhere.'],
      locks: [`guest/${guest.vmid}`],
      state: { vmid: guest.vmid, before },
    }
  },
  async run({ guest: named }, services, verbs) {
    const { proxmox, lab } = services
    const { target } = (await verbs.step<Json>(
      'find',
      async () => (await managedTarget(named, services, verbs.signal)) as unknown as Json,
    )) as unknown as { readonly target: Target }
    const { guest, name } = target
    await verbs.change<string>(`take ${guest.vmid} out of HA`, {
      act: async () => {
        await proxmox.ha.remove(guest)
        return 'removed'
      },
      find: async () => ((await proxmox.ha.get(guest)) === undefined ? 'removed' : undefined),
    })
    const status = await verbs.step('look', async () => {
      if ((await proxmox.ha.get(guest, verbs.signal)) !== undefined)
        throw new HomelabError('failed', `Proxmox took it, but HA still looks after ${name}.`, {
          hint: '`ha status` shows what it does.',
        })
      return (await proxmox.guestStatus(guest, verbs.signal)).status
    })
    await lab.overview({ fresh: true }).catch(() => undefined)
    return { name, vmid: guest.vmid, type: guest.type, node: guest.node, status }
  },
  card: (output) => ({
    title: `HA does not look after ${output.name} any more`,
    tone: 'ok',
    sections: [haFields(output)],
    footer: guestPlace(output),
  }),
})
