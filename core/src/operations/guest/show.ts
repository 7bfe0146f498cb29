import { z } from 'zod'
import type { Section } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes, duration, guestPlace, percent } from '../../operation/view.ts'
import { GuestRow } from '../schemas.ts'
import { one } from './one.ts'

const Output = z.object({
  guest: GuestRow,
  service: z.string().optional(),
  health: z.object({ state: z.string(), detail: z.string() }),
  addresses: z.array(z.string()),
  dependents: z.array(z.string()),
  config: z.record(z.string(), z.json()),
})

export const guestShow = defineOperation({
  id: 'guest.show',
  chat: 'guest show',
  title: 'Show a guest',
  description: 'State, usage, addresses, health, configuration, and what depends on it.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({ guest: z.string().describe('Guest name, VMID or service').meta({ suggest: 'guests' }) }),
  output: Output,
  positional: ['guest'],
  examples: ['guest show plex', 'guest show 110'],
  needs: ['lab', 'proxmox', 'health'],
  run: async (input, { lab, proxmox, health }, { signal }) => {
    const target = await one(lab, input.guest, signal)
    const { guest } = target
    const [config, addresses, report] = await Promise.all([
      proxmox.guestConfig(guest, signal),
      // Needs the agent in a VM and a running container: a missing answer is no reason to show nothing.
      proxmox.guestAddresses(guest, signal).catch(() => []),
      health.check(target, { signal }),
    ])
    return {
      guest: { ...guest, tags: [...guest.tags] },
      ...(target.service === undefined ? {} : { service: target.service.name }),
      health: { state: report.state, detail: report.detail },
      addresses: [...addresses],
      dependents: [...target.dependents],
      config: config as Record<string, z.core.util.JSONType>,
    }
  },
  card: ({ guest, health, addresses, dependents, config }) => {
    const running = guest.status === 'running'
    const sections: Section[] = [
      {
        kind: 'fields',
        fields: [
          {
            name: 'State',
            value: guest.lock === undefined ? guest.status : `${guest.status}, locked: ${guest.lock}`,
          },
          {
            name: 'Health',
            value: health.state === 'none' ? 'no check known' : `${health.state}: ${health.detail}`,
          },
          ...(running ? [{ name: 'Up for', value: duration(guest.uptime * 1000) }] : []),
          {
            name: 'CPU',
            value: running ? `${percent(guest.cpu)} of ${guest.maxcpu}` : `${guest.maxcpu} cores`,
          },
          { name: 'Memory', value: `${bytes(guest.mem)} of ${bytes(guest.maxmem)}` },
          { name: 'Disk', value: `${bytes(guest.disk)} of ${bytes(guest.maxdisk)}` },
          ...(addresses.length > 0 ? [{ name: 'Addresses', value: addresses.join(', ') }] : []),
          ...(guest.tags.length > 0 ? [{ name: 'Tags', value: guest.tags.join(', ') }] : []),
        ],
      },
    ]
    if (dependents.length > 0) sections.push({ kind: 'list', title: 'Depends on it', items: dependents })
    const lines = Object.entries(config).map(
      ([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
    sections.push({ kind: 'code', title: 'Configuration', text: lines.join('\n'), keep: 'start' })
    return {
      title: `${guest.name} (${guestPlace(guest)})`,
      tone:
        health.state === 'down'
          ? 'error'
          : health.state === 'degraded'
            ? 'warning'
            : running
              ? 'ok'
              : 'neutral',
      sections,
      buttons: running
        ? [
            { label: 'Restart', action: { kind: 'command', text: `restart ${guest.vmid}` } },
            ...(guest.type === 'lxc'
              ? [{ label: 'Logs', action: { kind: 'command' as const, text: `logs ${guest.vmid}` } }]
              : []),
          ]
        : [{ label: 'Start', style: 'primary', action: { kind: 'command', text: `start ${guest.vmid}` } }],
    }
  },
})
