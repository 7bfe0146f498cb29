import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { PowerResult } from '../schemas.ts'
import { powerCard } from '../service/power-card.ts'
import { planPower, timeoutInput, waitInput } from '../service/targets.ts'
import { one } from './one.ts'
import { powerGuest } from './power.ts'

/** The primitive under `restart`: one guest, named explicitly. It is what n8n's Proxmox VE node surfaces. */
export const guestRestart = defineOperation({
  id: 'guest.restart',
  chat: 'guest restart',
  title: 'Restart a guest',
  description: 'Reboots one container or VM cleanly and waits until it runs.',
  risk: 'change',
  permission: 'operator',
  input: z.object({
    guest: z.string().describe('Guest name or VMID').meta({ suggest: 'guests' }),
    wait: waitInput,
    force: z.boolean().default(false).describe('Stop at once instead of a clean shutdown'),
    timeout: timeoutInput,
  }),
  output: PowerResult,
  positional: ['guest'],
  examples: ['guest restart 110'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  // In chat `restart` takes guests as well as services; a second word for it would only crowd the tree.
  surfaces: ['api', 'n8n'],
  plan: ({ guest, ...rest }, services, { signal }) =>
    planPower([guest], { action: 'restart', ...rest }, services, signal),
  run: async ({ guest, ...rest }, services, verbs) =>
    powerGuest(await one(services.lab, guest, verbs.signal), { action: 'restart', ...rest }, services, verbs),
  card: (result) => powerCard({ results: [result] }, 'restart'),
})
