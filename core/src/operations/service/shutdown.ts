import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import type { PowerRequest } from '../guest/power.ts'
import { powerCard } from './power-card.ts'
import { PowerOutput, planPower, powerAll, servicesInput, timeoutInput } from './targets.ts'

const inputSchema = z.object({
  services: servicesInput,
  force: z.boolean().default(false).describe('Pull the plug when the time is up'),
  timeout: timeoutInput,
})

const request = (input: z.infer<typeof inputSchema>): PowerRequest => ({
  action: 'shutdown',
  wait: false,
  force: input.force,
  timeout: input.timeout,
})

export const shutdown = defineOperation({
  id: 'service.shutdown',
  chat: 'shutdown',
  title: 'Shut a service down',
  description: 'Shuts its guest down cleanly; with force the plug is pulled when the time is up.',
  risk: 'change',
  permission: 'operator',
  input: inputSchema,
  output: PowerOutput,
  positional: ['services'],
  examples: ['shutdown nextcloud timeout:180'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  plan: (input, services, { signal }) => planPower(input.services, request(input), services, signal),
  run: (input, services, verbs) => powerAll(input.services, request(input), services, verbs),
  card: (output) => powerCard(output, 'shutdown'),
})
