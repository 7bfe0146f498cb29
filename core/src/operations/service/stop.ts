import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import type { PowerRequest } from '../guest/power.ts'
import { powerCard } from './power-card.ts'
import { PowerOutput, planPower, powerAll, servicesInput, timeoutInput } from './targets.ts'

const inputSchema = z.object({
  services: servicesInput,
  force: z.boolean().default(false).describe('Pull the plug at once'),
  timeout: timeoutInput,
})

const request = (input: z.infer<typeof inputSchema>): PowerRequest => ({
  action: 'stop',
  wait: false,
  force: input.force,
  timeout: input.timeout,
})

export const stop = defineOperation({
  id: 'service.stop',
  chat: 'stop',
  title: 'Stop a service',
  description: 'Shuts its guest down cleanly; with force it is stopped at once, and asks before that.',
  risk: 'change',
  permission: 'operator',
  input: inputSchema,
  output: PowerOutput,
  positional: ['services'],
  examples: ['stop jellyfin', 'stop jellyfin --force'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  plan: (input, services, { signal }) => planPower(input.services, request(input), services, signal),
  run: (input, services, verbs) => powerAll(input.services, request(input), services, verbs),
  card: (output) => powerCard(output, 'stop'),
})
