/** New containers of the simulated lab: commands install services there, which answer then, and nothing reaches another one. */
import { createSsh, type Ssh, systemClock } from '@homelab/core/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Shell } from '../../core/src/ports.ts'
import { runUnattended, type UnattendedOptions } from '../../core/src/provision/unattended.ts'
import { Secret } from '../../core/src/secret.ts'
import { createShells } from '../../core/src/shell/index.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let ssh: Ssh

beforeAll(async () => {
  simulator = await startSimulator({ seed: 1, speed: 0.02 })
})
beforeEach(() => {
  const { host, port, user, privateKey, hostKey } = simulator.lab.ssh
  ssh = createSsh({
    hosts: {
      pve: {
        host,
        port,
        user,
        auth: { privateKey: new Secret(privateKey) },
        hostKey: { fingerprint: hostKey },
      },
    },
  })
})
afterEach(async () => {
  ssh.close()
  await simulator.reset()
  for (const { vmid } of (await simulator.state()).guests)
    if (vmid >= 240 && vmid < 260) await simulator.changeGuest(vmid, { remove: true })
})
afterAll(() => simulator?.stop())

const inside = (vmid: number): Shell =>
  createShells(ssh).guest({ vmid, type: 'lxc', node: 'pve', name: String(vmid) })

async function create(vmid: number, hostname: string, net = 'ip=192.168.1.240/24'): Promise<Shell> {
  await createPve(simulator.lab).post('/nodes/pve/lxc', {
    vmid: String(vmid),
    hostname,
    ostemplate: 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst',
    storage: 'tesla',
    unprivileged: '1',
    net0: `name=eth0,bridge=vmbr0,${net}`,
    start: '1',
  })
  await simulator.waitFor({ kind: 'guest', vmid, status: 'running' })
  return inside(vmid)
}

describe('a new container', () => {
  it('has files, users and packages of its own, and its service answers when its unit is started', async () => {
    await simulator.changeGuest(111, { remove: true })
    const shell = await create(240, 'jellyfin')
    const mark = await simulator.mark()
    await shell.exec(['useradd', '--system', '--create-home', 'media'])
    await shell.exec(['tee', '/etc/jellyfin.conf'], { stdin: 'port=8096\n' })
    await shell.exec(['chown', 'media:media', '/etc/jellyfin.conf'])
    expect((await shell.exec(['stat', '-c', '%u %s', '/etc/jellyfin.conf'])).stdout).toBe('999 10\n')
    expect(await inside(110).exec(['cat', '/etc/jellyfin.conf'])).toMatchObject({ code: 1 })
    expect(await shell.exec(['systemctl', 'enable', '--now', 'jellyfin'])).toMatchObject({ code: 1 })
    expect((await simulator.state()).services.jellyfin).toBe(false)

    await simulator.fault({ installBreaks: ['apt-get install'] })
    const install = ['apt-get', 'install', '-y', 'jellyfin']
    expect(await shell.exec(install)).toMatchObject({ code: 100 })
    expect(await shell.exec(install)).toMatchObject({ code: 0 })
    await simulator.waitFor({ kind: 'service', name: 'jellyfin', up: true }, { after: mark })
    // Where the lab's own has answered.
    const { host, port } = simulator.lab.services.jellyfin ?? { host: '', port: 0 }
    expect((await fetch(`http://${host}:${port}/health`)).status).toBe(200)
    expect((await shell.exec(['curl', '-fsS', 'http://127.0.0.1:8096/health'])).stdout).toBe('Healthy')
    expect((await shell.exec(['systemctl', 'is-active', 'jellyfin'])).stdout).toBe('active\n')
    await shell.exec(['systemctl', 'stop', 'jellyfin'])
    expect(await shell.exec(['curl', '-fsS', 'http://127.0.0.1:8096/health'])).toMatchObject({ code: 7 })
  })

  it('can be a second of its kind, at an address of the loopback, and is gone with its container', async () => {
    const shell = await create(241, 'movies', 'ip=127.0.9.41/8')
    await shell.exec(['tee', '/etc/systemd/system/jellyfin.service'], { stdin: '[Service]\n' })
    const mark = await simulator.mark()
    await shell.exec(['systemctl', 'enable', '--now', 'jellyfin'])
    await simulator.waitFor({ kind: 'service', name: 'jellyfin', up: true }, { after: mark })
    expect(await (await fetch('http://127.0.9.41:8096/health')).text()).toBe('Healthy')
    expect((await simulator.state()).services).toHaveProperty('movies', true)
    await simulator.changeGuest(241, { remove: true })
    await expect(fetch('http://127.0.9.41:8096/health')).rejects.toThrow('fetch failed')
    expect((await simulator.state()).services).not.toHaveProperty('movies')
  })
})

describe("the community's scripts", () => {
  const run = async (name: string, vmid: number, more: Partial<UnattendedOptions> = {}) => {
    const url = `https://raw.githubusercontent.com/community-scripts/ProxmoxVE/main/ct/${name}.sh`
    const host = ssh.shell('pve')
    await host.exec(['tee', '/usr/local/community-scripts/diagnostics'], { stdin: 'DIAGNOSTICS=no\n' })
    return await runUnattended(
      host,
      ['sh', '-c', 'curl -fsSL -o /tmp/it.sh -- "$1" && bash /tmp/it.sh', 'x', url],
      {
        key: `test-${name}`,
        clock: systemClock,
        signal: AbortSignal.timeout(60_000),
        limitMs: 60_000,
        env: {
          mode: 'generated',
          PHS_SILENT: '1',
          var_ctid: String(vmid),
          var_hostname: name,
          var_tags: 'media',
        },
        ...more,
      },
    )
  }

  it('make a container as root does, whose service answers', async () => {
    await simulator.changeGuest(112, { remove: true })
    const mark = await simulator.mark()
    expect(await run('radarr', 250)).toMatchObject({ code: 0 })
    await simulator.waitFor({ kind: 'service', name: 'radarr', up: true }, { after: mark })
    const { data } = await createPve(simulator.lab).get('/nodes/pve/lxc/250/config')
    expect(data).toMatchObject({ hostname: 'radarr', tags: 'community-script;media', unprivileged: 1 })
  })

  it.each([
    ['nextcloudpi', 'on the node', 'Which storage pool?'],
    ['immich', 'inside', 'Select machine-learning type [1]:'],
    ['postgresql', 'inside', 'Would you like to add Adminer? <y/N>'],
  ])('%s asks %s, and is stopped', async (name, _where, question) => {
    const lines: string[] = []
    await expect(
      run(name, 251, { key: `asks-${name}`, onLine: (line) => lines.push(line) }),
    ).rejects.toMatchObject({ code: 'failed', message: `It asks: "${question}". It was stopped.` })
    expect(lines).toContain(`  Creating a container for ${name}`)
    expect(lines.join()).not.toContain('Installing')
  })

  it('take an answer that was given before', async () => {
    await simulator.changeGuest(102, { remove: true })
    const end = await run('postgresql', 252, { answers: [{ question: 'add Adminer', answer: 'y' }] })
    expect(end.code).toBe(0)
    expect(end.lines).toEqual(
      expect.arrayContaining([
        'It asked: Would you like to add Adminer? <y/N>; answered: y',
        '  Installed Adminer',
        'postgresql is installed.',
      ]),
    )
  })

  it('enter no container that does not run', async () => {
    const host = ssh.shell('pve')
    await simulator.changeGuest(103, { state: 'stopped' })
    for (const [vmid, said] of [
      ['103', 'Failed to get init pid'],
      ['', 'missing container name'],
    ] as const)
      expect(await host.exec(['lxc-attach', '-n', vmid, '--', 'hostname'])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(said),
      })
  })
})

it('has an SSH host for each node, with the containers of that node', async () => {
  await using cluster = await startSimulator({ seed: 1, nodes: 2, guests: 24, speed: 0.02 })
  const { host, ports, user, privateKey, hostKey } = cluster.lab.ssh
  const there = (await cluster.state()).guests.find(
    ({ node, type, state }) => node === 'pve2' && type === 'lxc' && state === 'running',
  )
  const nodes = createSsh({
    hosts: Object.fromEntries(
      Object.entries(ports).map(([node, port]) => [
        node,
        { host, port, user, auth: { privateKey: new Secret(privateKey) }, hostKey: { fingerprint: hostKey } },
      ]),
    ),
  })
  try {
    const vmid = String(there?.vmid)
    expect((await nodes.shell('pve2').exec(['hostname'])).stdout).toBe('pve2\n')
    // By a shell, and without one.
    const inside = ['pct', 'exec', vmid, '--keep-env', '0', '--']
    for (const argv of [['hostname'], ['sh', '-c', 'hostname']])
      expect(await nodes.shell('pve2').exec([...inside, ...argv])).toMatchObject({
        stdout: `${there?.name}\n`,
      })
    for (const argv of [
      [...inside, 'hostname'],
      ['pct', 'config', vmid],
    ])
      expect(await nodes.shell('pve').exec(argv)).toMatchObject({ code: 2, stdout: '' })
    await cluster.changeGuest(Number(vmid), { node: 'pve' })
    expect(await nodes.shell('pve').exec([...inside, 'hostname'])).toMatchObject({ code: 0 })
    await cluster.fault({ nodesDown: ['pve2'] })
    await expect(nodes.shell('pve2').exec(['hostname'])).rejects.toMatchObject({ code: 'unreachable' })
  } finally {
    nodes.close()
  }
})
