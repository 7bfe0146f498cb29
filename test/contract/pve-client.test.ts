/** Every call that the Proxmox client can make, against the official schema of the API. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Http, type HttpRequest, Secret } from '@homelab/core'
import { systemClock } from '@homelab/core/node'
import {
  type BackupRequest,
  createProxmox,
  type GuestRef,
  type GuestType,
  type PowerAction,
  type Proxmox,
  type ProxmoxAuth,
} from '@homelab/core/proxmox'
import { describe, expect, it } from 'vitest'

interface ParamSchema {
  readonly type?: string
  readonly optional?: boolean | number
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
}
interface MethodSchema {
  readonly params: Readonly<Record<string, ParamSchema>>
}
type Schema = Readonly<Record<string, Readonly<Record<string, MethodSchema>>>>

const file = join(import.meta.dirname, '..', '..', '..', 'shared', 'pve-api', 'pve-8.4.5.json')
const present = existsSync(file)
if (!present) console.warn('SKIPPED: the schema of the Proxmox API is not here')

function loadSchema(): Schema {
  return (JSON.parse(readFileSync(file, 'utf8')) as { paths: Schema }).paths
}

const upid = 'UPID:pve:0003B2A1:123456789:65A1B2C3:vzreboot:110:root@pam!homelab:'

/** Answers that let each method come to its end. */
const answers: readonly (readonly [pattern: RegExp, data: unknown])[] = [
  [/\/access\/ticket$/, { ticket: 'PVE:root@pam:1', CSRFPreventionToken: '1:x' }],
  [/\/access\/permissions$/, { '/vms': { 'VM.Audit': 1 } }],
  [/\/cluster\/resources$/, []],
  [/GET .*\/cluster\/status$/, [{ type: 'cluster', name: 'homelab', quorate: 1 }]],
  [/GET .*\/cluster\/(config\/nodes|replication|ha\/(resources|groups|status\/current))$/, []],
  [/GET .*\/nodes\/pve\/(replication|hardware\/pci)$/, []],
  [/POST .*\/migrate$/, upid],
  [/\/content$/, []],
  [/\/(apt\/update|certificates\/info|disks\/list)$/, []],
  [/\/nextid$/, '105'],
  [/\/(clone|resize)$/, upid],
  [/\/nodes\/pve\/(lxc|qemu|vzdump)$/, upid],
  [/\/nodes\/pve\/(lxc|qemu)\/110$/, upid],
  [/\/extractconfig$/, 'hostname: x\n'],
  [/\/tasks$/, [{ upid, status: 'OK' }]],
  [/\/tasks\/[^/]+\/status$/, { status: 'stopped', exitstatus: 'WARNINGS: 1' }],
  [/\/log$/, [{ n: 1, t: 'TASK OK' }]],
  [/\/status\/current$/, { status: 'running' }],
  [/\/status\/[a-z]+$/, upid],
  [/\/interfaces$/, []],
  [/\/network-get-interfaces$/, { result: [] }],
  [/GET .*\/snapshot$/, [{ name: 'current', running: 1 }]],
  [/\/snapshot(\/before(\/rollback)?)?$/, upid],
  [/\/feature$/, { hasFeature: 0 }],
  [/\/version$/, { version: '8.4.5', release: '8.4' }],
]

function recordingHttp(): { http: Http; requests: HttpRequest[] } {
  const requests: HttpRequest[] = []
  return {
    requests,
    http: {
      request(request) {
        requests.push(request)
        const { pathname } = new URL(request.url)
        const data = answers.find(([pattern]) => pattern.test(`${request.method} ${pathname}`))?.[1] ?? {}
        const headers = { date: new Date().toUTCString() }
        return Promise.resolve({ status: 200, statusText: 'OK', headers, body: JSON.stringify({ data }) })
      },
    },
  }
}

async function callEverything(http: Http, auth: ProxmoxAuth): Promise<void> {
  const pve = createProxmox({ http, clock: systemClock, endpoints: ['pve'], auth })
  const guests = (['lxc', 'qemu'] as GuestType[]).map(
    (type): GuestRef => ({ vmid: 110, type, node: 'pve', name: 'x' }),
  )
  await pve.version()
  await pve.overview()
  await pve.nodeStatus('pve')
  await pve.storageStatus('pve', 'tesla')
  await pve.disks('pve')
  await pve.updates('pve')
  await pve.certificates('pve')
  for (const guest of guests) {
    await pve.guestStatus(guest)
    await pve.guestConfig(guest)
    await pve.guestAddresses(guest)
    for (const action of ['start', 'stop', 'shutdown', 'reboot'] as PowerAction[]) {
      await pve.power(guest, action)
      await pve.power(guest, action, { timeout: 30, force: true, overrule: true })
    }
    await pve.tasks.latest(guest, pve.powerTask(guest, 'reboot'), new Date())
  }
  await pve.tasks.status(upid)
  await pve.tasks.log(upid, { limit: 5 })
  await pve.tasks.wait(upid, { onLine: () => {} })
  await pve.tasks.stop(upid)
  await pve.tasks.list({})
  for (const flags of [{}, { active: true }, { errors: true }]) {
    await pve.tasks.list({ node: 'pve', vmid: 110, type: 'vzdump', since: 1_700_000_000, limit: 5, ...flags })
  }
  await callBackups(pve)
  await callProvision(pve)
  await callCluster(pve, guests)
  for (const guest of guests) {
    await pve.snapshots.list(guest)
    await pve.snapshots.obstacle(guest)
    const vmstate = guest.type === 'qemu'
    await pve.snapshots.create(guest, 'before', { description: 'a; b & c', vmstate })
    await pve.snapshots.remove(guest, 'before', true)
    await pve.snapshots.rollback(guest, 'before')
    await pve.snapshots.find(guest, 'rollback', new Date())
  }
}

async function callBackups(pve: Proxmox): Promise<void> {
  const place = { node: 'pve', archive: 'local:backup/vzdump-lxc-110-2026_01_01-00_00_00.tar.zst' }
  const request: BackupRequest = {
    node: 'pve',
    vmids: [110, 111],
    storage: 'local',
    mode: 'suspend',
    compress: 'zstd',
    prune: { last: 1, hourly: 2, daily: 3, weekly: 4, monthly: 5, yearly: 6 },
    notes: '{{guestname}}',
    protected: true,
    lockWaitMinutes: 0,
    bwlimit: 1000,
  }
  await pve.backups.start(request)
  await pve.backups.findStart(request, new Date())
  await pve.backups.report(upid)
  await pve.backups.archives({ node: 'pve', storage: 'local', vmid: 110 }).catch(() => [])
  await pve.backups
    .over({ node: 'pve', storage: 'local', vmid: 110, type: 'lxc' }, { last: 1 })
    .catch(() => [])
  await pve.backups.remove(place)
  await pve.backups.update(place, { protected: true, notes: 'x' })
  await pve.backups.config(place)
  const restore = { node: 'pve', vmid: 9000, storage: 'tesla', force: true, bwlimit: 1000 }
  const config = { net0: 'x', tags: 'a;b', description: 'x', onboot: '0', protection: '0' }
  const mounts = { rootfs: 'tesla:8', mp0: 'tesla:1,mp=/x' }
  const archive = place.archive.replace('lxc', 'qemu').replace('.tar', '.vma')
  await pve.backups.restore({
    ...restore,
    ...place,
    type: 'lxc',
    unprivileged: true,
    config: { ...config, ...mounts },
  })
  await pve.backups.restore({ ...restore, ...place, type: 'lxc', unique: true })
  await pve.backups.restore({ ...restore, archive, type: 'qemu', config })
  await pve.backups.restore({ ...restore, archive, type: 'qemu', unique: true })
  await pve.backups.findRestore({ ...restore, archive, type: 'qemu' }, new Date())
  await pve.isFree(9000)
  for (const type of ['lxc', 'qemu'] as const) {
    const guest = { vmid: 110, type, node: 'pve', name: 'x' }
    await pve.configure(guest, { tags: 'x', net0: 'x' }, { remove: ['net1'], digest: 'a'.repeat(40) })
    await pve.destroy(guest)
    await pve.destroy(guest, { purge: true, unreferenced: true, ...(type === 'lxc' ? { force: true } : {}) })
  }
  await pve.backups.start({ ...request, prune: 'none' })
}

async function callCluster(
  { cluster, migration, ha, replication }: Proxmox,
  guests: readonly GuestRef[],
): Promise<void> {
  await cluster.status()
  await cluster.gpus('pve')
  await ha.status()
  await ha.rules()
  await replication.jobs()
  await replication.states('pve')
  await replication.add({ id: '110-0', target: 'pve2', schedule: 'mon..fri 22:30' })
  await replication.runNow('pve', '110-0')
  await replication.remove('110-0', false)
  await replication.remove('110-0', true)
  for (const guest of guests) {
    await cluster.nodeOf(guest)
    if (guest.type === 'qemu') await migration.obstacles(guest, 'pve2')
    await migration.start(guest, { target: 'pve2', running: false })
    await migration.start(guest, { target: 'pve2', running: true, storage: 'tesla' })
    await migration.find(guest, new Date(), () => false)
    await ha.get(guest)
    await ha.add(guest, { state: 'started', maxRestart: 2, maxRelocate: 0 })
    await ha.set(guest, { state: 'disabled' })
    await ha.remove(guest)
  }
}

async function callProvision({ provision }: Proxmox): Promise<void> {
  await provision.nextFree()
  await provision.templates({ node: 'pve', storage: 'local' })
  await provision.disksOf({ node: 'pve', storage: 'tesla', vmid: 105 })
  await provision.removeDisk({ node: 'pve', volid: 'tesla:vm-105-disk-0' })
  const request = {
    node: 'pve',
    vmid: 105,
    template: 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst',
    hostname: 'web',
    storage: 'tesla',
    sizeGib: 8,
    unprivileged: false,
    config: { cores: '2', memory: '512', swap: '0', net0: 'x', tags: 'a;b', nameserver: 'x', features: 'x' },
    sshKeys: 'ssh-ed25519 AAAA\nssh-ed25519 BBBB',
    password: new Secret('correct horse'),
  }
  await provision.create(request)
  await provision.findCreate(request, new Date(), () => false)
  for (const type of ['lxc', 'qemu'] as const) {
    const guest = { vmid: 110, type, node: 'pve', name: 'x' }
    await provision.can(guest, 'copy')
    await provision.can(guest, 'clone', 'before')
    const clone = { vmid: 105, name: 'web', full: true, storage: 'tesla', snapshot: 'before' }
    await provision.clone(guest, clone)
    await provision.findClone(guest, new Date(), () => false)
    const disk = type === 'lxc' ? 'rootfs' : 'scsi0'
    await provision.resize(guest, { disk, bytes: 2 ** 34, digest: 'a'.repeat(40) })
    await provision.pending(guest)
  }
  await provision.wait(upid, 'Making web')
}

/** Every name that a method of the schema gives to the parts of this path. */
function matchPath(
  schema: Schema,
  path: string,
): { template: string; parts: Record<string, string> } | undefined {
  const segments = path.split('/')
  const matches = Object.keys(schema).flatMap((template) => {
    const names = template.split('/')
    if (names.length !== segments.length) return []
    const parts: Record<string, string> = {}
    for (const [index, name] of names.entries()) {
      const segment = decodeURIComponent(segments[index] ?? '')
      if (name.startsWith('{')) parts[name.slice(1, -1)] = segment
      else if (name !== segment) return []
    }
    return { template, parts }
  })
  // A literal part wins over a placeholder.
  return matches.sort((a, b) => Object.keys(a.parts).length - Object.keys(b.parts).length)[0]
}

function problemsOf(name: string, value: string, param: ParamSchema | undefined): string[] {
  if (param === undefined) return [`${name}: not in the schema`]
  const problems: string[] = []
  if (param.type === 'boolean' && value !== '0' && value !== '1')
    problems.push(`${name}: "${value}" is no boolean`)
  if ((param.type === 'integer' || param.type === 'number') && !/^-?\d+$/.test(value)) {
    problems.push(`${name}: "${value}" is no integer`)
  }
  if (param.minimum !== undefined && Number(value) < param.minimum)
    problems.push(`${name}: ${value} is too small`)
  if (param.maximum !== undefined && Number(value) > param.maximum)
    problems.push(`${name}: ${value} is too large`)
  if (param.enum !== undefined && !param.enum.includes(value))
    problems.push(`${name}: "${value}" is not one of them`)
  return problems
}

function check(schema: Schema, request: HttpRequest): string[] {
  const url = new URL(request.url)
  const path = url.pathname.replace(/^\/api2\/json/, '')
  const match = matchPath(schema, path)
  const method = match === undefined ? undefined : schema[match.template]?.[request.method]
  if (match === undefined || method === undefined) return [`${request.method} ${path}: not in the schema`]
  const withBody = request.method === 'POST' || request.method === 'PUT'
  const sent = {
    ...match.parts,
    ...Object.fromEntries(new URLSearchParams(withBody ? request.body : url.search)),
  }
  const problems = Object.entries(sent).flatMap(([name, value]) =>
    problemsOf(name, value, method.params[name] ?? method.params[name.replace(/\d+$/, '[n]')]),
  )
  for (const [name, param] of Object.entries(method.params)) {
    if (!param.optional && !(name in sent)) problems.push(`${name}: missing`)
  }
  if (!withBody && request.body !== undefined) problems.push('a body, which is a 501')
  if (withBody && url.search !== '') problems.push('a query, which overrides the body')
  return problems.map((problem) => `${request.method} ${match.template}: ${problem}`)
}

describe.skipIf(!present)('the Proxmox client against the schema of PVE 8.4.5', () => {
  const auths: readonly ProxmoxAuth[] = [
    { kind: 'token', id: 'root@pam!homelab', secret: new Secret('secret') },
    { kind: 'ticket', user: 'root@pam', password: new Secret('password') },
  ]

  it.each(auths)('sends only what the schema has ($kind)', async (auth) => {
    const schema = loadSchema()
    const { http, requests } = recordingHttp()
    await callEverything(http, auth)
    const kinds = new Set(
      requests.map(
        (request) =>
          `${request.method} ${matchPath(schema, new URL(request.url).pathname.slice(10))?.template}`,
      ),
    )
    expect(kinds.size).toBeGreaterThanOrEqual(auth.kind === 'ticket' ? 42 : 41)
    expect(requests.flatMap((request) => check(schema, request))).toEqual([])
  })

  it('would notice a wrong path, parameter, value or body', () => {
    const schema = loadSchema()
    const base = 'https://pve:8006/api2/json'
    const power = `${base}/nodes/pve/lxc/110/status`
    const wrong: HttpRequest[] = [
      { method: 'POST', url: `${power}/restart`, body: '' },
      { method: 'POST', url: `${power}/start`, body: 'timeout=3' },
      { method: 'POST', url: `${power}/shutdown`, body: 'forceStop=true' },
      { method: 'POST', url: `${power}/shutdown`, body: 'timeout=-1' },
      { method: 'GET', url: `${base}/nodes/pve/tasks?source=none` },
      { method: 'GET', url: `${base}/version`, body: 'x' },
      { method: 'POST', url: `${base}/access/ticket`, body: 'username=root%40pam' },
    ]
    expect(wrong.map((request) => check(schema, request).length)).toEqual([1, 1, 1, 1, 1, 1, 1])
  })
})
