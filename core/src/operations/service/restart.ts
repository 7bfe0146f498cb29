import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import type { PowerRequest } from '../guest/power.ts'
import { powerCard } from './power-card.ts'
import { PowerOutput, planPower, powerAll, servicesInput, timeoutInput, waitInput } from './targets.ts'

const inputSchema = z.object({
  services: servicesInput,
  wait: waitInput,
  force: z.boolean().default(false).describe('Stop at once instead of a clean shutdown'),
  timeout: timeoutInput,
})

const request = (input: z.infer<typeof inputSchema>): PowerRequest => ({
  action: 'restart',
  wait: input.wait,
  force: input.force,
  timeout: input.timeout,
})

export const restart = defineOperation({
  id: 'service.restart',
  chat: 'restart',
  title: 'Restart a service',
  description:
    'Reboots its guest cleanly and waits until the service answers. Several at once go in dependency order.',
  risk: 'change',
  permission: 'operator',
  input: inputSchema,
  output: PowerOutput,
  positional: ['services'],
  examples: ['restart plex', 'restart radarr sonarr', 'restart @media', 'restart plex wait:false'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  plan: (input, services, { signal }) => planPower(input.services, request(input), services, signal),
  run: (input, services, verbs) => powerAll(input.services, request(input), services, verbs),
  card: (output) => powerCard(output, 'restart'),
})
