import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { PowerResult } from '../schemas.ts'
import { powerCard } from '../service/power-card.ts'
import { planPower, timeoutInput } from '../service/targets.ts'
import { one } from './one.ts'
import { type PowerRequest, powerGuest } from './power.ts'

const input = z.object({
  guest: z.string().describe('Guest name or VMID').meta({ suggest: 'guests' }),
  force: z.boolean().default(false).describe('Pull the plug when the time is up'),
  timeout: timeoutInput,
})

const request = ({ force, timeout }: z.infer<typeof input>): PowerRequest => ({
  action: 'shutdown',
  wait: false,
  force,
  timeout,
})

/** The primitive for n8n and programs, as `guest.restart` is. */
export const guestShutdown = defineOperation({
  id: 'guest.shutdown',
  chat: 'guest shutdown',
  title: 'Shut a guest down',
  description: 'Shuts one container or VM down cleanly and waits until it is stopped.',
  risk: 'change',
  permission: 'operator',
  input,
  output: PowerResult,
  positional: ['guest'],
  examples: ['guest shutdown 110'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  surfaces: ['api', 'n8n'],
  plan: (wanted, services, { signal }) => planPower([wanted.guest], request(wanted), services, signal),
  run: async (wanted, services, verbs) =>
    powerGuest(await one(services.lab, wanted.guest, verbs.signal), request(wanted), services, verbs),
  card: (result) => powerCard({ results: [result] }, 'shutdown'),
})
