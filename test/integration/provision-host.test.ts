/** What root of a node does for a container, on the simulated node: and that a second time nothing is done. */
import { createSsh, type Ssh } from '@homelab/core/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Shell } from '../../core/src/ports.ts'
import {
  addDevices,
  addMounts,
  configNow,
  devicesOf,
  hostOwner,
  idmapFor,
  lookAtHost,
  makeFolders,
  missingSubids,
  removeFolders,
  removeIdmap,
  removeSubids,
  setFeatures,
  setIdmap,
} from '../../core/src/provision/host.ts'
import { Secret } from '../../core/src/secret.ts'
import { createShells } from '../../core/src/shell/index.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let ssh: Ssh
let host: Shell
const immich = { vmid: 120, type: 'lxc', node: 'pve', name: 'immich' } as const
const n8n = { vmid: 122, type: 'lxc', node: 'pve', name: 'n8n' } as const

beforeAll(async () => {
  simulator = await startSimulator({ seed: 1, speed: 0.02 })
})
beforeEach(() => {
  const { host: address, port, user, privateKey, hostKey } = simulator.lab.ssh
  ssh = createSsh({
    hosts: {
      pve: {
        host: address,
        port,
        user,
        auth: { privateKey: new Secret(privateKey) },
        hostKey: { fingerprint: hostKey },
      },
    },
  })
  host = ssh.shell('pve')
})
afterEach(async () => {
  ssh.close()
  await simulator.reset()
  await simulator.changeGuest(120, {
    config: { mp1: null, mp2: null, dev0: null, dev1: null, 'lxc.idmap': null, features: 'nesting=1' },
  })
})
afterAll(() => simulator?.stop())

const inside = (vmid: number): Shell =>
  createShells(ssh).guest({ vmid, type: 'lxc', node: 'pve', name: String(vmid) })
const changed = async () => (await simulator.counts()).changes['120']?.config ?? 0
const apiConfig = async (vmid: number) =>
  (await createPve(simulator.lab).get(`/nodes/pve/lxc/${vmid}/config`)).data as Record<string, unknown>
const said = async (argv: readonly string[], shell = host) => (await shell.exec(argv)).stdout

describe('mounts', () => {
  it('adds what is missing beside what is there, and nothing the second time', async () => {
    const mounts = [
      { source: '/Apollo/Photos', target: '/apollo/photos' },
      { source: '/Apollo/Media', target: '/media', readonly: true },
    ]
    expect(await addMounts(immich, mounts, host)).toEqual([
      { key: 'mp1', source: '/Apollo/Media', target: '/media' },
    ])
    expect(await apiConfig(120)).toMatchObject({
      mp0: '/Apollo/Photos,mp=/apollo/photos',
      mp1: '/Apollo/Media,mp=/media,ro=1',
    })
    expect(await addMounts(immich, mounts, host)).toEqual([])
    expect(await changed()).toBe(1)
    // And it is there, read-only.
    expect((await inside(120).exec(['stat', '-c', '%F', '/media'])).stdout).toBe('directory\n')
    expect(await inside(120).exec(['mkdir', '/media/x'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Read-only'),
    })
  })

  it('changes nothing when a target is taken, a source is absent, or its disk is not mounted', async () => {
    await expect(
      addMounts(immich, [{ source: '/Apollo/Media', target: '/apollo/photos' }], host),
    ).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('/Apollo/Photos') })
    await expect(
      addMounts(immich, [{ source: '/Apollo/Photos', target: '/apollo/photos', readonly: true }], host),
    ).rejects.toMatchObject({ code: 'conflict' })
    await expect(addMounts(immich, [{ source: '/Apollo/No', target: '/no' }], host)).rejects.toMatchObject({
      code: 'not-found',
      message: 'pve has no folder /Apollo/No',
    })
    await simulator.fault({ unmounted: ['/Apollo'] })
    await expect(
      addMounts(immich, [{ source: '/Apollo/Media', target: '/media' }], host),
    ).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('/Apollo of pve is not mounted'),
    })
    expect(await changed()).toBe(0)
  })

  it('says that the container is locked by a backup, or is not there', async () => {
    await simulator.changeGuest(120, { lock: 'backup' })
    const mounts = [{ source: '/Apollo/Media', target: '/media' }]
    await expect(addMounts(immich, mounts, host)).rejects.toMatchObject({
      code: 'locked',
      message: 'immich (CT 120) is locked (backup)',
    })
    await expect(addMounts({ ...immich, vmid: 777 }, mounts, host)).rejects.toMatchObject({
      code: 'not-found',
    })
    expect(await changed()).toBe(0)
  })

  it('does nothing twice when the answer is lost', async () => {
    const mounts = [{ source: '/Apollo/Media', target: '/media' }]
    // config, look, and then the change itself.
    await simulator.fault({ execCut: 3 })
    await expect(addMounts(immich, mounts, host)).rejects.toMatchObject({ code: expect.any(String) })
    expect(await changed()).toBe(1)
    expect(await addMounts(immich, mounts, host)).toEqual([])
    expect(await changed()).toBe(1)
  })
})

describe('folders', () => {
  it('makes them with their owner, and removes those that are empty', async () => {
    const owner = hostOwner({ uid: 1000, gid: 1000 })
    const folders = [
      { path: '/Apollo/Comics/Library', owner },
      { path: '/Apollo/Media', owner },
    ]
    const made = await makeFolders(folders, host)
    expect(made).toEqual(['/Apollo/Comics', '/Apollo/Comics/Library'])
    const { paths } = await lookAtHost(host, { paths: ['/Apollo/Comics/Library', '/Apollo/Media'] })
    expect(paths['/Apollo/Comics/Library']).toEqual({
      kind: 'folder',
      uid: 101_000,
      gid: 101_000,
      mode: '775',
      on: '/Apollo',
      mountPoint: false,
    })
    // One that was there keeps its owner.
    expect(paths['/Apollo/Media']).toMatchObject({ uid: 0, gid: 0 })
    expect(await makeFolders(folders, host)).toEqual([])

    await host.exec(['tee', '/Apollo/Comics/Library/one.cbz'], { stdin: 'x' })
    expect(await removeFolders(made, host)).toEqual([])
    expect(await said(['cat', '/Apollo/Comics/Library/one.cbz'])).toBe('x')
    await host.exec(['rm', '/Apollo/Comics/Library/one.cbz'])
    expect(await removeFolders(made, host)).toEqual(['/Apollo/Comics/Library', '/Apollo/Comics'])
  })

  it('leaves one that another container has by now, though it is empty', async () => {
    const made = await makeFolders([{ path: '/Apollo/Shared/In' }], host)
    expect(made).toEqual(['/Apollo/Shared', '/Apollo/Shared/In'])
    const [added] = await addMounts(immich, [{ source: '/Apollo/Shared/In', target: '/in' }], host)
    expect(await removeFolders(made, host)).toEqual([])
    expect(await said(['ls', '/Apollo/Shared'])).toBe('In\n')
    await host.exec(['pct', 'set', String(immich.vmid), '--delete', added?.key ?? ''])
    expect(await removeFolders(made, host)).toEqual(['/Apollo/Shared/In', '/Apollo/Shared'])
  })

  it('makes none where the disk is not mounted, or a file is in the way', async () => {
    await host.exec(['tee', '/Apollo/note'], { stdin: 'x' })
    await expect(makeFolders([{ path: '/Apollo/note/sub' }], host)).rejects.toMatchObject({
      code: 'conflict',
    })
    await simulator.fault({ unmounted: ['/Apollo'] })
    await expect(makeFolders([{ path: '/Apollo/Comics' }], host)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('/Apollo is not mounted'),
    })
    await simulator.fault({ unmounted: [] })
    expect(await said(['ls', '/Apollo'])).not.toContain('Comics')
  })
})

describe('idmap', () => {
  const lines = idmapFor([{ uid: 1000, gid: 1000 }])
  const raw = lines.map((line) => line.replace('lxc.idmap: ', ''))

  it('is written into a standing container before its snapshots, once, and taken away again', async () => {
    await simulator.changeGuest(122, { state: 'stopped' })
    await createPve(simulator.lab).post('/nodes/pve/lxc/122/snapshot', { snapname: 'before' })
    await simulator.waitFor({ kind: 'task', type: 'vzsnapshot', status: 'OK' })
    const before = await said(['cat', '/etc/pve/lxc/122.conf'])
    const added = await setIdmap(n8n, lines, host)
    expect(added).toEqual({ '/etc/subuid': ['root:1000:1'], '/etc/subgid': ['root:1000:1'] })
    expect(await said(['cat', '/etc/subuid'])).toBe('root:100000:65536\nroot:1000:1\n')
    const text = await said(['cat', '/etc/pve/lxc/122.conf'])
    expect(text.slice(0, text.indexOf('[before]'))).toContain(`${lines.join('\n')}\n`)
    expect(text.slice(text.indexOf('[before]'))).toBe(before.slice(before.indexOf('[before]')))
    expect((await configNow(n8n, host))['lxc.idmap']).toBe(raw.join('\n'))
    expect(await apiConfig(122)).toMatchObject({ lxc: raw.map((line) => ['lxc.idmap', line]) })
    expect(await said(['ls', '-A', '/etc/pve/lxc'])).not.toContain('tmp')

    expect(await setIdmap(n8n, lines, host)).toEqual({})
    expect((await simulator.counts()).changes['122']?.conf).toBe(1)
    // Its user 1000 is now the node's.
    await simulator.changeGuest(122, { state: 'running', config: { mp0: '/Apollo/Downloads,mp=/down' } })
    await host.exec(['chown', '1000:1000', '/Apollo/Downloads'])
    expect(await said(['stat', '-c', '%u:%g', '/down'], inside(122))).toBe('1000:1000\n')

    await simulator.changeGuest(122, { state: 'stopped', config: { mp0: null } })
    await removeIdmap(n8n, host, added)
    expect(await said(['cat', '/etc/pve/lxc/122.conf'])).toBe(before)
    expect(await said(['cat', '/etc/subuid'])).toBe('root:100000:65536\n')
  })

  it('writes nothing while it runs, over another idmap, or into a privileged one', async () => {
    const before = await said(['cat', '/etc/pve/lxc/120.conf'])
    await expect(setIdmap(immich, lines, host)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('is running'),
    })
    expect(await said(['cat', '/etc/pve/lxc/120.conf'])).toBe(before)
    await simulator.changeGuest(120, { state: 'stopped', config: { 'lxc.idmap': 'u 0 200000 65536' } })
    await expect(setIdmap(immich, lines, host)).rejects.toThrow('another idmap')
    await simulator.changeGuest(120, { config: { 'lxc.idmap': null, unprivileged: '0' } })
    await expect(setIdmap(immich, lines, host)).rejects.toThrow('is privileged')
    await simulator.changeGuest(120, { config: { unprivileged: '1' } })
    expect((await simulator.counts()).changes['120']?.conf).toBeUndefined()
  })

  it('leaves the file whole when it is cut off, and when somebody else was faster', async () => {
    await simulator.changeGuest(120, { state: 'stopped' })
    const before = await said(['cat', '/etc/pve/lxc/120.conf'])
    // The text ends early, as after a lost connection.
    const cut: Shell = {
      exec: (argv, options) =>
        host.exec(
          argv,
          argv[0] === 'flock' && options?.stdin !== undefined ? { ...options, stdin: 'arch: a' } : options,
        ),
    }
    await expect(setIdmap(immich, lines, cut)).rejects.toMatchObject({ code: 'failed' })
    expect(await said(['cat', '/etc/pve/lxc/120.conf'])).toBe(before)
    const slow: Shell = {
      exec: async (argv, options) => {
        if (options?.stdin !== undefined) await simulator.changeGuest(120, { config: { memory: '4097' } })
        return await host.exec(argv, options)
      },
    }
    await expect(setIdmap(immich, lines, slow)).rejects.toThrow('changed by somebody else')
    expect(await said(['cat', '/etc/pve/lxc/120.conf'])).toBe(before.replace('memory: 4096', 'memory: 4097'))
    await simulator.changeGuest(120, { config: { memory: '4096' } })
  })

  it('keeps what another container needs', async () => {
    for (const guest of [immich, n8n]) await simulator.changeGuest(guest.vmid, { state: 'stopped' })
    const added = await missingSubids(lines, host)
    expect(await setIdmap(immich, lines, host)).toEqual(added)
    expect(await missingSubids(lines, host)).toEqual({})
    expect(
      await setIdmap(
        n8n,
        idmapFor([
          { uid: 1001, gid: 1001 },
          { uid: 1000, gid: 1000 },
        ]),
        host,
      ),
    ).toEqual({
      '/etc/subuid': ['root:1001:1'],
      '/etc/subgid': ['root:1001:1'],
    })
    await removeIdmap(immich, host, added)
    expect(await said(['cat', '/etc/subgid'])).toContain('root:1000:1\n')
    await removeIdmap(n8n, host)
    await removeSubids(host, added)
    expect(await said(['cat', '/etc/subgid'])).toBe('root:100000:65536\nroot:1001:1\n')
  })
})

describe('devices and features', () => {
  it('gives a container the GPU, once', async () => {
    const devices = await devicesOf('dri', host, { gid: 993 })
    expect(await addDevices(immich, devices, host)).toEqual({
      '/dev/dri/renderD128': 'dev0',
      '/dev/dri/card0': 'dev1',
    })
    expect(await addDevices(immich, devices, host)).toEqual({})
    expect(await apiConfig(120)).toMatchObject({ dev0: '/dev/dri/renderD128,gid=993' })
    expect(await changed()).toBe(1)
  })

  it('takes of an NVIDIA what there is, and says when there is none', async () => {
    await expect(devicesOf('nvidia', host)).rejects.toMatchObject({ code: 'not-found' })
    await simulator.fault({ devices: ['/dev/nvidia0', '/dev/nvidiactl', '/dev/nvidia-uvm'] })
    expect(await devicesOf('nvidia', host)).toEqual([
      { path: '/dev/nvidia0' },
      { path: '/dev/nvidiactl' },
      { path: '/dev/nvidia-uvm' },
    ])
    await expect(addDevices(immich, [{ path: '/dev/dri/renderD128' }], host)).rejects.toMatchObject({
      code: 'not-found',
      message: 'pve has no device /dev/dri/renderD128',
    })
    expect(await changed()).toBe(0)
  })

  it('adds features to those that are there', async () => {
    expect(await setFeatures(immich, 'nesting=1,keyctl=1', host)).toBe(true)
    expect(await setFeatures(immich, 'keyctl=1', host)).toBe(false)
    expect((await configNow(immich, host)).features).toBe('nesting=1,keyctl=1')
  })

  it('sees folders, devices and bridges in one command', async () => {
    const { execs } = await simulator.counts()
    const seen = await lookAtHost(host, {
      paths: ['/Apollo', '/Apollo/Media'],
      devices: ['/dev/dri/renderD128', '/dev/nvidia0'],
    })
    expect(seen.bridges).toEqual(['vmbr0'])
    expect(seen.devices).toEqual({ '/dev/dri/renderD128': { gid: 104, mode: '660' }, '/dev/nvidia0': null })
    expect(seen.paths['/Apollo']).toMatchObject({ mountPoint: true, on: '/Apollo' })
    expect((await simulator.counts()).execs).toBe(execs + 1)
  })
})
