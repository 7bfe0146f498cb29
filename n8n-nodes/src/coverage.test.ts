import type { Operation } from '@homelab/core'
import { operations } from '@homelab/core/operations'
import { describe, expect, it } from 'vitest'
import { operations as cloudflare } from '../nodes/CloudflareTunnel/operations.ts'
import { operations as backup } from '../nodes/HomelabBackup/operations.ts'
import { operations as proxmox } from '../nodes/ProxmoxVe/operations.ts'
import { changeFields } from './common-fields.ts'

/** What these two nodes do not offer, by id or noun, and why. */
const elsewhere: Readonly<Record<string, string>> = {
  'lab.': 'the whole lab of a homelab file: the Homelab node',
  'service.': 'services of a homelab file: the Homelab node',
  'blueprint.': 'what a bot can make: the Homelab node',
  'update.': 'services of a homelab file: the Homelab node',
  'k3s.': 'the kubeconfig of a bot: the Homelab node',
  'backup.plans': 'the plans of a homelab file: the Homelab node',
  'backup.coverage': 'what no plan of a homelab file has: the Homelab node',
  'backup.kit': 'how to restore all plans of a homelab file: the Homelab node',
  'backup.diff': 'for a person who looks what has changed: the Homelab node',
  'graph.': 'of services and storages of a homelab file: the Homelab node',
  'run.': 'runs of a bot: the Homelab node',
  'schedule.': 'schedules of a bot: the Homelab node',
  'workflow.': 'starts a workflow of n8n from chat: inside n8n, Execute Sub-workflow does it',
  'tunnel.':
    'services of a homelab file: the Homelab node; with Cloudflare alone, the Cloudflare Tunnel node',
  'route.': 'Traefik of a homelab file: the Homelab node',
  'dns.': 'the domain of a homelab file: the Homelab node',
  'alert.': 'incidents of a bot: the Homelab node',
  'maintenance.': 'kept by a bot: the Homelab node',
  'monitoring.': 'files for a person to look at and to put in place',
  'approval.': 'a yes of a person, which no workflow gives for them',
  'audit.': 'the log of a bot',
  'grant.': 'rights of people',
  'rights.': 'rights of people',
  'desk.': 'help about what is typed',
}

const fits = (key: string, { id }: Operation): boolean =>
  key.endsWith('.') ? id.startsWith(key) : id === key
const all = [...proxmox, ...backup]

describe('the nodes', () => {
  it('offer every operation of core that is not left out on purpose', () => {
    const offered = new Set(all.map(({ operation }) => operation.id))
    const missing = operations.filter(
      (one) => !offered.has(one.id) && !Object.keys(elsewhere).some((key) => fits(key, one)),
    )
    expect(missing.map(({ id }) => id)).toEqual([])
  })

  it('leave out nothing that they offer, or that is gone', () => {
    const offered = all.map(({ operation }) => operation)
    const stale = Object.keys(elsewhere).filter(
      (key) => !operations.some((one) => fits(key, one)) || offered.some((one) => fits(key, one)),
    )
    expect(stale).toEqual([])
  })

  it.each([
    ['Proxmox VE', proxmox],
    ['Homelab Backup', backup],
    ['Cloudflare Tunnel', cloudflare],
  ])('have no two operations in one place: %s', (_, surfaces) => {
    const places = surfaces.map(({ resource, verb }) => `${resource}.${verb}`)
    expect(places.filter((place, index) => places.indexOf(place) !== index)).toEqual([])
  })

  it('have overrides of fields and lists that exist alone, and no parameter twice', () => {
    for (const { operation, override, fields } of [...all, ...cloudflare]) {
      const names = Object.keys(operation.input.shape)
      const wrong = Object.keys(override.fields ?? {}).filter((name) => !names.includes(name))
      const taken = fields
        .map(({ name }) => name)
        // A destructive operation may ask for a name to be typed itself.
        .filter((name) => name !== changeFields.confirm && Object.values<string>(changeFields).includes(name))
      expect({ id: operation.id, wrong, taken }).toEqual({ id: operation.id, wrong: [], taken: [] })
      for (const list of [override.records, override.single])
        if (list !== undefined) expect(operation.output.shape).toHaveProperty(list)
    }
  })
})
