import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { PowerResult } from '../schemas.ts'
import { powerCard } from '../service/power-card.ts'
import { planPower } from '../service/targets.ts'
import { one } from './one.ts'
import { type PowerRequest, powerGuest } from './power.ts'

const input = z.object({
  guest: z.string().describe('Guest name or VMID').meta({ suggest: 'guests' }),
})

const request = (_input: z.infer<typeof input>): PowerRequest => ({
  action: 'stop',
  wait: false,
  force: true,
  timeout: 60,
})

/** The primitive for n8n and programs, as `guest.restart` is. */
export const guestStop = defineOperation({
  id: 'guest.stop',
  chat: 'guest stop',
  title: 'Stop a guest at once',
  description:
    'Pulls the plug of one container or VM, without a clean shutdown: what it had not written is lost.',
  risk: 'change',
  permission: 'operator',
  input,
  output: PowerResult,
  positional: ['guest'],
  examples: ['guest stop 110'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  surfaces: ['api', 'n8n'],
  plan: (wanted, services, { signal }) => planPower([wanted.guest], request(wanted), services, signal),
  run: async (wanted, services, verbs) =>
    powerGuest(await one(services.lab, wanted.guest, verbs.signal), request(wanted), services, verbs),
  card: (result) => powerCard({ results: [result] }, 'stop'),
})
