/** What the simulated Proxmox lets whom see and do, backups, snapshots and new containers. Numbers are those of the traps. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Pve } from '../support/pve.ts'
import { createPve } from '../support/pve.ts'
import type { AclEntry, Simulator } from '../support/simulator.ts'
import { startSimulator } from '../support/simulator.ts'

const TOKEN = 'homelab@pve!desk'
const USER = 'homelab@pve'

let simulator: Simulator
let pve: Pve
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1, speed: 0.05 })
  pve = createPve(simulator.lab)
})
afterEach(async () => await simulator.reset())
afterAll(async () => await simulator?.stop())

/** The same rights for the token and its user. */
const both = (path: string, rights: Omit<AclEntry, 'path' | 'who'>): readonly AclEntry[] =>
  [TOKEN, USER].map((who) => ({ path, who, ...rights }))

async function end(upid: unknown): Promise<string> {
  const [event] = await simulator.waitFor({ kind: 'task', upid: String(upid), status: '~^(?!running)' })
  return String(event?.status)
}

const ids = (data: unknown): readonly unknown[] =>
  (data as { id?: string; vmid?: number }[]).map(({ id, vmid }) => id ?? vmid)

async function asRoot(): Promise<Pve> {
  const { user } = simulator.lab
  const { data } = await createPve(simulator.lab, {}).post('/access/ticket', {
    username: user.name,
    password: user.password,
  })
  const { ticket, CSRFPreventionToken } = data as { ticket: string; CSRFPreventionToken: string }
  return createPve(simulator.lab, {
    Cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}`,
    CSRFPreventionToken,
  })
}

describe('rights (12)', () => {
  it('filter lists silently', async () => {
    await simulator.setAcl([])
    expect((await pve.get('/cluster/resources?type=vm')).data).toEqual([])
    expect((await pve.get('/cluster/resources?type=storage')).data).toEqual([])
    expect((await pve.get('/cluster/resources?type=node')).data).toEqual([
      { id: 'node/pve', node: 'pve', type: 'node', status: 'online' },
    ])
    expect((await pve.get('/nodes/pve/lxc')).data).toEqual([])
    expect((await pve.get('/access/permissions')).data).toEqual({})
    await simulator.setAcl(both('/vms/110', { privs: ['VM.Audit'] }))
    expect(ids((await pve.get('/cluster/resources?type=vm')).data)).toEqual(['lxc/110'])
    expect((await pve.get('/access/permissions')).data).toEqual({ '/vms/110': { 'VM.Audit': 1 } })
  })

  it('name the privilege and the path when they refuse', async () => {
    await simulator.setAcl(both('/', { role: 'PVEAuditor' }))
    expect(await pve.post('/nodes/pve/lxc/110/status/reboot')).toMatchObject({
      status: 403,
      reason: 'Permission check failed (/vms/110, VM.PowerMgmt)',
      data: null,
    })
    expect(await pve.put('/nodes/pve/lxc/110/config', { cores: '2' })).toMatchObject({
      reason:
        'Permission check failed (/vms/110, VM.Config.Disk|VM.Config.CPU|VM.Config.Memory|VM.Config.Network|VM.Config.Options)',
    })
    await simulator.setAcl([
      ...both('/', { role: 'PVEAuditor' }),
      ...both('/vms/110', { privs: ['VM.Config.CPU'] }),
    ])
    expect((await pve.put('/nodes/pve/lxc/110/config', { cores: '4' })).status).toBe(200)
    expect(await pve.put('/nodes/pve/lxc/110/config', { cores: '4', memory: '4096' })).toMatchObject({
      status: 403,
      reason: 'Permission check failed (/vms/110, VM.Config.Memory)',
    })
    // Before it is looked whether there is such a guest.
    expect(await pve.post('/nodes/pve/lxc/999/status/start')).toMatchObject({ status: 403 })
    expect((await simulator.counts()).changes).toEqual({ '110': { config: 1 } })
  })

  it('of a token are those that its user has too, unless it has all of them', async () => {
    await simulator.setAcl([
      { path: '/', who: TOKEN, role: 'PVEVMAdmin' },
      { path: '/', who: USER, role: 'PVEAuditor' },
    ])
    expect((await pve.get('/nodes/pve/lxc/110/config')).status).toBe(200)
    expect((await pve.post('/nodes/pve/lxc/110/status/reboot')).status).toBe(403)
    await simulator.setAcl([{ path: '/', who: USER, role: 'PVEVMAdmin' }])
    expect((await pve.get('/nodes/pve/lxc/110/config')).status).toBe(403)
    await simulator.setToken(TOKEN, simulator.lab.token.secret, false)
    expect((await pve.get('/nodes/pve/lxc/110/config')).status).toBe(200)
  })

  it('on a longer path replace those on the shorter', async () => {
    await simulator.setAcl([...both('/', { role: 'PVEVMAdmin' }), ...both('/vms/102', { role: 'NoAccess' })])
    expect((await pve.post('/nodes/pve/lxc/102/status/reboot')).status).toBe(403)
    expect(ids((await pve.get('/cluster/resources?type=vm')).data)).not.toContain('lxc/102')
    await simulator.setAcl(both('/vms', { role: 'PVEVMAdmin', propagate: false }))
    expect((await pve.get('/nodes/pve/lxc/110/config')).status).toBe(403)
  })

  it('to others’ tasks need Sys.Audit', async () => {
    const root = await asRoot()
    const { data: upid } = await root.post('/nodes/pve/lxc/110/status/reboot')
    const { data: own } = await pve.post('/nodes/pve/lxc/111/status/reboot')
    await simulator.setAcl(both('/vms', { role: 'PVEVMAdmin' }))
    const path = `/nodes/pve/tasks/${encodeURIComponent(String(upid))}`
    expect(await pve.get(`${path}/status`)).toMatchObject({
      status: 403,
      reason: 'Permission check failed (/nodes/pve, Sys.Audit)',
    })
    expect(await pve.call('DELETE', path)).toMatchObject({
      status: 403,
      reason: 'Permission check failed (/nodes/pve, Sys.Modify)',
    })
    const seen = (await pve.get('/nodes/pve/tasks?source=all')).data as { upid: string }[]
    expect(seen.map((task) => task.upid)).toContain(own)
    expect(seen.map((task) => task.upid)).not.toContain(upid)
    expect((await pve.get(`/nodes/pve/tasks/${encodeURIComponent(String(own))}/status`)).status).toBe(200)
  })

  it('to the tasks of another token of the same user do not come with the user', async () => {
    await simulator.setToken('homelab@pve!other', 'secret', false)
    const other = createPve(simulator.lab, { Authorization: 'PVEAPIToken=homelab@pve!other=secret' })
    const { data: upid } = await other.post('/nodes/pve/lxc/112/status/reboot')
    await simulator.setAcl(both('/vms', { role: 'PVEVMAdmin' }))
    const path = `/nodes/pve/tasks/${encodeURIComponent(String(upid))}/status`
    expect((await pve.get(path)).status).toBe(403)
    expect((await other.get(path)).status).toBe(200)
  })

  it('of root@pam alone are bind mounts, devices and features, and no token has them (13)', async () => {
    const token = 'root@pam!cli'
    await simulator.setToken(token, 'secret', false)
    const asToken = createPve(simulator.lab, { Authorization: `PVEAPIToken=${token}=secret` })
    for (const form of [
      { mp5: '/Apollo/Media,mp=/media' },
      { dev0: '/dev/dri/renderD128' },
      { features: 'nesting=1,fuse=1' },
    ]) {
      expect(await asToken.put('/nodes/pve/lxc/101/config', form)).toMatchObject({
        status: 403,
        reason: expect.stringContaining('only allowed for root@pam'),
      })
    }
    expect((await asToken.put('/nodes/pve/lxc/101/config', { features: 'nesting=1' })).status).toBe(200)
    expect((await asToken.post('/nodes/pve/lxc/101/status/stop', { skiplock: '1' })).errors).toEqual({
      skiplock: 'Only root may use this option.',
    })
    expect(
      (await (await asRoot()).put('/nodes/pve/lxc/101/config', { mp5: '/Apollo/Media,mp=/media' })).status,
    ).toBe(200)
    expect((await pve.get('/nodes/pve/lxc/101/config')).data).toMatchObject({
      mp5: '/Apollo/Media,mp=/media',
    })
    await (await asRoot()).put('/nodes/pve/lxc/101/config', { delete: 'mp5' })
  })
})

describe('snapshots', () => {
  it('of a container with a bind mount fail, and that can be asked before (14)', async () => {
    expect((await pve.get('/nodes/pve/lxc/110/feature?feature=snapshot')).data).toEqual({ hasFeature: 0 })
    expect(await end((await pve.post('/nodes/pve/lxc/110/snapshot', { snapname: 'before' })).data)).toBe(
      'snapshot feature is not available',
    )
    expect((await pve.get('/nodes/pve/lxc/102/feature?feature=snapshot')).data).toEqual({ hasFeature: 1 })
    expect(
      (await pve.post('/nodes/pve/lxc/102/snapshot', { snapname: 'before', vmstate: '1' })).errors,
    ).toHaveProperty('vmstate')
  })

  it('are taken, listed, rolled back to and deleted', async () => {
    const path = '/nodes/pve/lxc/102/snapshot'
    expect(
      await end((await pve.post(path, { snapname: 'before', description: 'of the upgrade' })).data),
    ).toBe('OK')
    expect((await pve.get(path)).data).toMatchObject([
      { name: 'before', description: 'of the upgrade' },
      { name: 'current', parent: 'before', running: 1 },
    ])
    await pve.put('/nodes/pve/lxc/102/config', { memory: '4096' })
    expect(await end((await pve.post(`${path}/before/rollback`)).data)).toBe('OK')
    expect((await pve.get('/nodes/pve/lxc/102/config')).data).toMatchObject({ memory: 2048 })
    expect((await simulator.state()).guests.find(({ vmid }) => vmid === 102)).toMatchObject({
      state: 'stopped',
    })
    // Its end does not say that the guest runs: the start is another task (5).
    const mark = await simulator.mark()
    expect(await end((await pve.post(`${path}/before/rollback`, { start: '1' })).data)).toBe('OK')
    await simulator.waitFor({ kind: 'task', type: 'vzstart', target: '102', status: 'OK' }, { after: mark })
    expect(await end((await pve.call('DELETE', `${path}/before`)).data)).toBe('OK')
    expect((await pve.get(path)).data).toMatchObject([{ name: 'current' }])
  })
})

describe('backups', () => {
  it('lock the guest while they run, and leave bind mounts out (15)', async () => {
    const { data: upid } = await pve.post('/nodes/pve/vzdump', {
      vmid: '110',
      storage: 'local',
      mode: 'snapshot',
    })
    await expect
      .poll(async () => Object((await pve.get('/nodes/pve/lxc/110/status/current')).data).lock)
      .toBe('backup')
    expect(await end((await pve.post('/nodes/pve/lxc/110/status/reboot')).data)).toBe('CT is locked (backup)')
    expect(await end(upid)).toBe('OK')
    const { data: log } = await pve.get(`/nodes/pve/tasks/${encodeURIComponent(String(upid))}/log?limit=0`)
    const lines = (log as { t: string }[]).map(({ t }) => t)
    expect(lines).toContain(
      "INFO: excluding bind mount point mp0 ('/apollo/media') from backup (not a volume)",
    )
    const { data: volumes } = await pve.get('/nodes/pve/storage/local/content?content=backup&vmid=110')
    expect(volumes).toEqual([
      expect.objectContaining({
        volid: expect.stringMatching(/^local:backup\/vzdump-lxc-110-.*\.tar\.zst$/),
        vmid: 110,
      }),
    ])
  })

  it('run one at a time on a node (15)', async () => {
    const [first, second] = await Promise.all(
      ['101', '104'].map(
        async (vmid) => (await pve.post('/nodes/pve/vzdump', { vmid, storage: 'local' })).data,
      ),
    )
    await simulator.waitFor({ kind: 'task', upid: String(first), status: 'OK' })
    expect(
      (await pve.get(`/nodes/pve/tasks/${encodeURIComponent(String(second))}/status`)).data,
    ).toMatchObject({ status: 'running' })
    expect(await end(second)).toBe('OK')
  })

  it('need rights on the guest and the storage, also to be seen', async () => {
    await simulator.setAcl([...both('/', { role: 'PVEAuditor' })])
    expect(await pve.post('/nodes/pve/vzdump', { vmid: '110', storage: 'local' })).toMatchObject({
      status: 403,
      reason: 'Permission check failed (/vms/110, VM.Backup)',
    })
    expect((await pve.get('/nodes/pve/storage/local/content?content=backup')).data).toEqual([])
  })

  it('of a guest on another node answer OK and do nothing (1)', async () => {
    await using cluster = await startSimulator({ nodes: 2, guests: 40, speed: 0.05 })
    const api = createPve(cluster.lab)
    const elsewhere = (await cluster.state()).guests.find(({ node }) => node === 'pve2')
    expect(
      await api.post('/nodes/pve/vzdump', { vmid: String(elsewhere?.vmid), storage: 'local' }),
    ).toMatchObject({ status: 200, data: 'OK' })
    expect((await cluster.counts()).tasks).toEqual({})
    const there = await api.post('/nodes/pve2/vzdump', { vmid: String(elsewhere?.vmid), storage: 'local' })
    expect(there.data).toMatch(/^UPID:pve2:/)
  })

  it('restore with their bind mounts for root only, or with the mount points given anew (16)', async () => {
    const { data: upid } = await pve.post('/nodes/pve/vzdump', { vmid: '115', storage: 'local' })
    expect(await end(upid)).toBe('OK')
    const { data } = await pve.get('/nodes/pve/storage/local/content?content=backup&vmid=115')
    const [{ volid: ostemplate }] = data as [{ volid: string }]
    const restore = { ostemplate, restore: '1', storage: 'tesla' }
    expect(await pve.post('/nodes/pve/lxc', { ...restore, vmid: '300' })).toMatchObject({
      status: 403,
      reason: expect.stringContaining('only possible for root'),
    })
    expect(await pve.post('/nodes/pve/lxc', { ...restore, vmid: '115', rootfs: 'tesla:8' })).toMatchObject({
      status: 500,
      reason: expect.stringContaining('already exists'),
    })
    expect(
      await pve.post('/nodes/pve/lxc', { ...restore, vmid: '115', rootfs: 'tesla:8', force: '1' }),
    ).toMatchObject({ status: 500, reason: expect.stringContaining('is running') })
    expect(
      await end((await pve.post('/nodes/pve/lxc', { ...restore, vmid: '300', rootfs: 'tesla:8' })).data),
    ).toBe('OK')
    expect((await pve.get('/nodes/pve/lxc/300/config')).data).toMatchObject({
      hostname: 'qbittorrent',
      rootfs: 'tesla:subvol-300-disk-0,size=8G',
    })
    expect(await end((await pve.call('DELETE', '/nodes/pve/lxc/300')).data)).toBe('OK')
  })
})

describe('new containers', () => {
  const form = {
    ostemplate: 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst',
    hostname: 'new',
    storage: 'tesla',
    unprivileged: '1',
  }

  it('start in a task of their own (5)', async () => {
    const mark = await simulator.mark()
    const { data: upid } = await pve.post('/nodes/pve/lxc', { ...form, vmid: '301', start: '1' })
    expect(await end(upid)).toBe('OK')
    await simulator.waitFor({ kind: 'task', type: 'vzstart', target: '301', status: 'OK' }, { after: mark })
    expect((await pve.get('/nodes/pve/lxc/301/status/current')).data).toMatchObject({
      status: 'running',
      name: 'new',
    })
    expect(await pve.call('DELETE', '/nodes/pve/lxc/301')).toMatchObject({
      status: 500,
      reason: 'unable to destroy CT 301 - container is running',
    })
    expect(await end((await pve.call('DELETE', '/nodes/pve/lxc/301?force=1')).data)).toBe('OK')
    expect((await pve.get('/nodes/pve/lxc/301/config')).status).toBe(500)
  })

  it('may get a number that another took in the meantime (17)', async () => {
    const [one, two] = await Promise.all([pve.get('/cluster/nextid'), pve.get('/cluster/nextid')])
    expect(one.data).toBe('100')
    expect(two.data).toBe('100')
    const answers = await Promise.all([1, 2].map(() => pve.post('/nodes/pve/lxc', { ...form, vmid: '100' })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 500])
    expect(answers.find(({ status }) => status === 500)?.reason).toContain('CT 100 already exists')
    expect((await pve.get('/cluster/nextid')).data).toBe('107')
  })
})
