import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { PowerResult } from '../schemas.ts'
import { powerCard } from '../service/power-card.ts'
import { planPower, waitInput } from '../service/targets.ts'
import { one } from './one.ts'
import { type PowerRequest, powerGuest } from './power.ts'

const input = z.object({
  guest: z.string().describe('Guest name or VMID').meta({ suggest: 'guests' }),
  wait: waitInput,
})

const request = ({ wait }: z.infer<typeof input>): PowerRequest => ({
  action: 'start',
  wait,
  force: false,
  timeout: 60,
})

/** The primitive for n8n and programs, as `guest.restart` is. */
export const guestStart = defineOperation({
  id: 'guest.start',
  chat: 'guest start',
  title: 'Start a guest',
  description: 'Starts one container or VM and waits until it runs.',
  risk: 'change',
  permission: 'operator',
  input,
  output: PowerResult,
  positional: ['guest'],
  examples: ['guest start 110'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  surfaces: ['api', 'n8n'],
  plan: (wanted, services, { signal }) => planPower([wanted.guest], request(wanted), services, signal),
  run: async (wanted, services, verbs) =>
    powerGuest(await one(services.lab, wanted.guest, verbs.signal), request(wanted), services, verbs),
  card: (result) => powerCard({ results: [result] }, 'start'),
})
