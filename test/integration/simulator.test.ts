/** The simulated homelab as a whole: its services, its nodes, its start and end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createPve } from '../support/pve.ts'
import type { Simulator } from '../support/simulator.ts'
import { startSimulator } from '../support/simulator.ts'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
})
afterEach(async () => await simulator.reset())
afterAll(async () => await simulator?.stop())

/** What comes back on a bare socket for what was sent. */
function exchange({ host, port }: { host: string; port: number }, send: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(send))
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')))
    socket.once('data', (data: Buffer) => {
      socket.destroy()
      resolve(data)
    })
    socket.once('error', reject)
  })
}

const address = (name: string): { host: string; port: number } => {
  const found = simulator.lab.services[name]
  if (!found) throw new Error(`no service ${name}`)
  return found
}

const web = async (name: string, path: string) => {
  const { host, port } = address(name)
  const response = await fetch(`http://${host}:${port}${path}`)
  return { status: response.status, body: await response.text() }
}

describe('services', () => {
  it.each([
    ['traefik', '/ping', 200, /^OK$/],
    ['cloudflared', '/ready', 200, /"readyConnections":4/],
    ['prometheus', '/-/healthy', 200, /Healthy/],
    ['grafana', '/api/health', 200, /"database":"ok"/],
    ['plex', '/identity', 200, /<MediaContainer .*machineIdentifier=/],
    ['jellyfin', '/health', 200, /^Healthy$/],
    ['radarr', '/ping', 200, /"status":"OK"/],
    ['sonarr', '/ping', 200, /"status":"OK"/],
    ['prowlarr', '/ping', 200, /"status":"OK"/],
    ['qbittorrent', '/api/v2/app/version', 403, /Forbidden/],
    ['immich', '/api/server/ping', 200, /"res":"pong"/],
    ['nextcloud', '/status.php', 200, /"installed":true,"maintenance":false/],
    ['n8n', '/healthz', 200, /"status":"ok"/],
    ['vaultwarden', '/alive', 200, /^"/],
  ])('%s answers %s', async (name, path, status, body) => {
    expect(await web(name, path)).toEqual({ status, body: expect.stringMatching(body) })
    expect((await web(name, '/other')).status).toBe(404)
  })

  it('PostgreSQL refuses TLS and asks for a password', async () => {
    expect(
      (await exchange(address('postgresql'), Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))).toString(),
    ).toBe('N')
    const startup = Buffer.from('\0\0\0\x17\0\x03\0\0user\0postgres\0\0', 'latin1')
    const answer = await exchange(address('postgresql'), startup)
    expect([String.fromCharCode(answer[0] ?? 0), answer.readInt32BE(5)]).toEqual(['R', 10])
  })

  it('Redis answers PING in both forms', async () => {
    expect((await exchange(address('redis'), Buffer.from('PING\r\n'))).toString()).toBe('+PONG\r\n')
    expect((await exchange(address('redis'), Buffer.from('*1\r\n$4\r\nPING\r\n'))).toString()).toBe(
      '+PONG\r\n',
    )
  })

  it('go down and come up with their container', async () => {
    const mark = await simulator.mark()
    await createPve(simulator.lab).post('/nodes/pve/lxc/110/status/reboot')
    await simulator.waitFor({ kind: 'service', name: 'plex', up: false }, { after: mark })
    await expect(web('plex', '/identity')).rejects.toThrow('fetch failed')
    await simulator.waitFor({ kind: 'task', target: '110', status: 'OK' }, { after: mark })
    await simulator.waitFor({ kind: 'service', name: 'plex', up: true }, { after: mark })
    expect((await web('plex', '/identity')).status).toBe(200)
    expect((await web('jellyfin', '/health')).status).toBe(200)
  })

  it('can be broken while their container runs', async () => {
    await simulator.fault({ broken: { jellyfin: 'error', plex: 'refused', postgresql: 'error' } })
    expect((await web('jellyfin', '/health')).status).toBe(500)
    await expect(web('plex', '/identity')).rejects.toThrow('fetch failed')
    const startup = Buffer.from('\0\0\0\x17\0\x03\0\0user\0postgres\0\0', 'latin1')
    expect((await exchange(address('postgresql'), startup)).toString()).toMatch(/^E.*starting up/s)
    const mark = await simulator.mark()
    await simulator.fault({ broken: {} })
    await simulator.waitFor({ kind: 'service', name: 'plex', up: true }, { after: mark })
    expect((await web('plex', '/identity')).status).toBe(200)
  })
})

describe('nodes', () => {
  it('that are down refuse on their own endpoint, and are 595 through another', async () => {
    await using cluster = await startSimulator({ nodes: 3, guests: 60, endpoints: 2 })
    const [first, second] = cluster.lab.endpoints.map(({ url }) => createPve(cluster.lab, undefined, url))
    expect(await first?.get('/nodes/pve2/status')).toMatchObject({ status: 200 })
    await cluster.fault({ nodesDown: ['pve'] })
    await expect(first?.get('/version')).rejects.toThrow('ECONNREFUSED')
    expect(await second?.get('/nodes/pve/status')).toMatchObject({
      status: 595,
      reason: 'No route to host',
      body: '',
    })
    expect((await second?.get('/cluster/resources?type=node'))?.data).toMatchObject([
      { node: 'pve', status: 'offline' },
      { node: 'pve2', status: 'online' },
      { node: 'pve3', status: 'online' },
    ])
    await expect(exchange(cluster.lab.ssh, Buffer.alloc(0))).rejects.toThrow('ECONNREFUSED')
    await cluster.fault({ nodesDown: [] })
    expect((await first?.get('/version'))?.status).toBe(200)
    expect((await exchange(cluster.lab.ssh, Buffer.alloc(0))).toString()).toMatch(/^SSH-2.0-OpenSSH/)
  })

  it('take their guests with them into the unknown', async () => {
    await using cluster = await startSimulator({ nodes: 2, guests: 40, endpoints: 2, speed: 0.005 })
    const [, second] = cluster.lab.endpoints.map(({ url }) => createPve(cluster.lab, undefined, url))
    await cluster.fault({ nodesDown: ['pve'] })
    const states = async () => {
      const { data } = (await second?.get('/cluster/resources?type=vm')) ?? {}
      return new Set(
        (data as { node: string; status: string }[])
          .filter(({ node }) => node === 'pve')
          .map(({ status }) => status),
      )
    }
    // 300 s are 1.5 here.
    await expect.poll(states, { timeout: 5_000 }).toEqual(new Set(['unknown']))
  })

  it('answer ten thousand guests at once', async () => {
    await using large = await startSimulator({ guests: 10_000, nodes: 20 })
    const { data } = await createPve(large.lab).get('/cluster/resources')
    const rows = data as { type: string; node: string }[]
    expect(rows.filter(({ type }) => type === 'lxc' || type === 'qemu')).toHaveLength(10_000)
    expect(rows.filter(({ type }) => type === 'node')).toHaveLength(20)
  })
})

describe('the process', () => {
  it('is the same again with the same seed', async () => {
    await using again = await startSimulator({ seed: 1 })
    const { token, user, ssh } = again.lab
    expect(token).toEqual(simulator.lab.token)
    expect(user).toEqual(simulator.lab.user)
    expect([ssh.privateKey, ssh.hostKey]).toEqual([simulator.lab.ssh.privateKey, simulator.lab.ssh.hostKey])
    await using other = await startSimulator({})
    expect(other.lab.token).not.toEqual(token)
  })

  it('leaves nothing behind', async () => {
    const short = await startSimulator({})
    const ours = () =>
      readdirSync(tmpdir()).filter((name) => name.startsWith(`homelab-simulator-${short.lab.pid}-`))
    expect(ours()).toHaveLength(1)
    await short.stop()
    expect(ours()).toEqual([])
  })

  it('ends with its parent only when it was asked to', async () => {
    const main = fileURLToPath(new URL('../../simulator/src/main.ts', import.meta.url))
    const child = spawn(process.execPath, [main, '--with-parent'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    await once(child.stdout, 'data')
    child.stdin.end()
    expect(await ended).toEqual([0, null])
  })

  it('says what is wrong with its options', async () => {
    await expect(startSimulator({ guests: -1 })).rejects.toThrow(
      '--guests must be a whole number of at least 0, not "-1"',
    )
    await expect(startSimulator({ endpoints: 2 })).rejects.toThrow('add --nodes 2')
  })
})
