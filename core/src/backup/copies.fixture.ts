/** A lab of two nodes whose restic lists what a test has put there, for the copies of a plan of whole guests. */
import { HomelabError } from '../errors.ts'
import { parseInventory } from '../inventory/index.ts'
import type { Shell } from '../ports.ts'
import { Secret } from '../secret.ts'
import type { EvidenceServices } from './evidence.ts'
import type { ResticRepository } from './plan.ts'
import { copyName, type GuestPlan } from './vzdump.ts'

export const now = Date.UTC(2026, 10, 26, 12)
const day = 86_400_000

export function copiesLab() {
  const inventory = parseInventory(`
proxmox:
  endpoints: https://127.0.0.1:8006
  token: { id: homelab@pve!desk, secret: env:TOKEN }
  ssh:
    pve1: { host: 127.0.0.1, user: root, key: file:/k, fingerprint: 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }
    pve2: { host: 127.0.0.1, user: root, key: file:/k, fingerprint: 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }
repositories:
  local: { storage: local }
  b2: { restic: /b2, password: env:RESTIC }
backups: { guests: { method: vzdump, title: Guests, guests: [web, mail, wiki], to: [local, b2], schedule: daily } }
`)
  const [plan] = inventory.backups as readonly GuestPlan[]
  const repository = inventory.repositories.find(({ name }) => name === 'b2') as ResticRepository | undefined
  if (plan === undefined || repository === undefined) throw new Error('it has neither')
  const guests = [
    { vmid: 110, name: 'web', node: 'pve1', type: 'lxc' },
    { vmid: 111, name: 'mail', node: 'pve2', type: 'lxc' },
    { vmid: 112, name: 'wiki', node: 'pve2', type: 'lxc' },
  ]
  const snapshots: object[] = []
  const away = new Set<string>()
  /** Nodes without restic. */
  const bare = new Set<string>()
  /** Commands that a node was asked, by its name. */
  const asked: string[] = []
  let ids = 0
  const put = (vmid: number, ago: number, tags: readonly string[]): string => {
    ids += 1
    const id = String(ids).padStart(64, '0')
    const paths = [`/var/lib/vz/dump/vzdump-lxc-${vmid}.tar`]
    const time = new Date(now - ago * day).toISOString()
    snapshots.push({ id, time, tags, paths, hostname: 'homelab-pve1' })
    return id
  }
  const named = (vmid: number) => `plan=${copyName(plan, vmid)}`
  const shell = (node: string): Shell =>
    ({
      exec: async ([program = '']: readonly string[]) => {
        asked.push(`${node} ${program}`)
        if (away.has(node)) throw new HomelabError('unreachable', `${node} does not answer`)
        if (bare.has(node)) return { code: 127, stdout: '', stderr: `${program}: not found` }
        return { code: 0, stdout: program === 'restic' ? JSON.stringify(snapshots) : '', stderr: '' }
      },
    }) as unknown as Shell
  const services = {
    lab: {
      inventory,
      resolve: async (wanted: readonly string[]) =>
        guests.filter(({ name }) => wanted.includes(name)).map((guest) => ({ name: guest.name, guest })),
    },
    shells: { has: (node: string) => inventory.ssh.some(({ name }) => name === node), host: shell },
    secrets: { resolve: async () => new Secret('secret') },
    clock: { now: () => new Date(now), monotonic: () => 0 },
  } as unknown as EvidenceServices
  return {
    plan,
    repository,
    services,
    guests,
    away,
    bare,
    asked,
    /** A proven copy that is so many days old. */
    copy(vmid: number, ago = 0.5): void {
      const run = `run=${vmid}-${ids}`
      const of = put(vmid, ago, [named(vmid), run])
      put(vmid, ago, ['proof', named(vmid), run, `of=${of}`, 'files=1', 'bytes=1000'])
    },
    drilled: (vmid: number, ago: number) =>
      put(vmid, ago, ['drilled', named(vmid), 'of=0000000000', `run=drill${ids}`, 'ms=1']),
    failed: (vmid: number, ago: number, whose: 'backup' | 'nobody' = 'backup') =>
      put(vmid, ago, ['drill-failed', named(vmid), 'of=0000000000', `whose=${whose}`]),
  }
}
