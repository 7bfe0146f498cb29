import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import type { PowerRequest } from '../guest/power.ts'
import { powerCard } from './power-card.ts'
import { PowerOutput, planPower, powerAll, servicesInput, waitInput } from './targets.ts'

const inputSchema = z.object({
  services: servicesInput,
  wait: waitInput,
})

const request = (input: z.infer<typeof inputSchema>): PowerRequest => ({
  action: 'start',
  wait: input.wait,
  force: false,
  timeout: 60,
})

export const start = defineOperation({
  id: 'service.start',
  chat: 'start',
  title: 'Start a service',
  description: 'Starts its guest and waits until the service answers.',
  risk: 'change',
  permission: 'operator',
  input: inputSchema,
  output: PowerOutput,
  positional: ['services'],
  examples: ['start jellyfin', 'start @media'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  plan: (input, services, { signal }) => planPower(input.services, request(input), services, signal),
  run: (input, services, verbs) => powerAll(input.services, request(input), services, verbs),
  card: (output) => powerCard(output, 'start'),
})
