import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'

export const version = defineOperation({
  id: 'desk.version',
  chat: 'version',
  title: 'Say which versions run',
  description: 'Of homelab and of Proxmox VE.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({}),
  output: z.object({
    homelab: z.string(),
    mode: z.enum(['bot', 'inline']),
    lab: z.string(),
    proxmox: z.string(),
  }),
  needs: ['about', 'proxmox'],
  run: async (_input, { about, proxmox }, { signal }) => ({
    homelab: about.version,
    mode: about.mode,
    lab: about.lab,
    proxmox: (await proxmox.version(signal)).version,
  }),
  card: (output) => ({
    title: `homelab ${output.homelab}`,
    tone: 'neutral',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Proxmox VE', value: output.proxmox },
          { name: 'Lab', value: output.lab },
          { name: 'Runs', value: output.mode === 'bot' ? 'in the bot: durable' : 'in this process' },
        ],
      },
    ],
  }),
})
