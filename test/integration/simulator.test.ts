/** The simulated homelab as a whole: its start and end, services, SSH host, nodes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import ssh2 from 'ssh2'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createPve } from '../support/pve.ts'
import type { Lab, Simulator } from '../support/simulator.ts'
import { startSimulator } from '../support/simulator.ts'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
})
afterEach(async () => await simulator.reset())
afterAll(async () => await simulator?.stop())

interface Done {
  readonly code: number | null
  readonly signal: string | undefined
  readonly stdout: string
  readonly stderr: string
}

interface Remote extends AsyncDisposable {
  readonly client: ssh2.Client
  exec(command: string, stdin?: string): Promise<Done>
}

async function login(lab: Lab, changes: ssh2.ConnectConfig = {}): Promise<Remote> {
  const client = new ssh2.Client()
  const ready = once(client, 'ready')
  client.connect({
    host: lab.ssh.host,
    port: lab.ssh.port,
    username: lab.ssh.user,
    privateKey: lab.ssh.privateKey,
    ...changes,
  })
  await ready
  client.setNoDelay(true)
  return {
    client,
    exec: (command, stdin) =>
      new Promise((resolve, reject) => {
        client.exec(command, (error, channel) => {
          if (error) return reject(error)
          let stdout = ''
          let stderr = ''
          let code: number | null = null
          let signal: string | undefined
          channel.on('data', (data: Buffer) => (stdout += data.toString()))
          channel.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
          channel.on('exit', (status: number | null, name?: string) => {
            code = status
            signal = name
          })
          channel.once('close', () => resolve({ code, signal, stdout, stderr }))
          channel.end(stdin)
        })
      }),
    [Symbol.asyncDispose]: async () => {
      const closed = once(client, 'close')
      client.end()
      await closed
    },
  }
}

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

describe('the SSH host', () => {
  it('shows its key, lets in by the key only, and has no terminal', async () => {
    let shown = ''
    await using remote = await login(simulator.lab, {
      hostHash: 'sha256',
      hostVerifier: (hash: string) => {
        shown = `SHA256:${Buffer.from(hash, 'hex').toString('base64').replace(/=+$/, '')}`
        return true
      },
    })
    expect(shown).toBe(simulator.lab.ssh.hostKey)
    expect(await remote.exec('hostname')).toMatchObject({ code: 0, stdout: 'pve\n' })
    const other = ssh2.utils.generateKeyPairSync('ed25519')
    await expect(login(simulator.lab, { privateKey: other.private })).rejects.toThrow(
      'authentication methods failed',
    )
    await expect(login(simulator.lab, { username: 'admin' })).rejects.toThrow('authentication methods failed')
    await expect(
      new Promise((_, reject) =>
        remote.client.exec('true', { pty: true }, (error) => error && reject(error)),
      ),
    ).rejects.toThrow()
  })

  it('gives the line to a shell, with exit codes, signals and stdin', async () => {
    await using remote = await login(simulator.lab)
    expect(await remote.exec(`echo 'one  two' "three"; exit 3`)).toMatchObject({
      code: 3,
      stdout: 'one  two three\n',
    })
    expect(await remote.exec('kill -9 $$')).toMatchObject({ signal: 'SIGKILL' })
    expect(await remote.exec('no-such-program')).toMatchObject({
      code: 127,
      stderr: expect.stringContaining('not found'),
    })
    expect(await remote.exec('cat; echo problem >&2', 'from here')).toMatchObject({
      stdout: 'from here',
      stderr: 'problem\n',
    })
    // The client's environment and that of the simulator stay out.
    expect((await remote.exec('env')).stdout).not.toMatch(/npm_|VITEST/)
  })

  it('delivers signals', async () => {
    await using remote = await login(simulator.lab)
    const signal = await new Promise((resolve, reject) => {
      remote.client.exec('echo ready; sleep 30', (error, channel) => {
        if (error) return reject(error)
        channel.once('data', () => channel.signal('TERM'))
        channel.once('exit', (_code: number | null, name?: string) => resolve(name))
      })
    })
    expect(signal).toBe('SIGTERM')
  })

  it('runs commands in containers that run', async () => {
    await using remote = await login(simulator.lab)
    expect(
      await remote.exec(
        `pct exec 110 --keep-env 0 -- sh -c 'read -r A; export A; exec "$@"' sh sh -c 'echo "$A $container $HOSTNAME"'`,
        'secret\n',
      ),
    ).toMatchObject({
      code: 0,
      stdout: 'secret lxc \n',
    })
    expect(await remote.exec('pct exec 110 -- hostname')).toMatchObject({ stdout: 'plex\n' })
    expect(await remote.exec('pct exec 110 -- sh -c "exit 4"')).toMatchObject({ code: 4 })
    expect(await remote.exec('pct exec 999 -- true')).toMatchObject({
      code: 2,
      stderr: "Configuration file 'nodes/pve/lxc/999.conf' does not exist\n",
    })
    expect(await remote.exec('pct exec 130 -- true')).toMatchObject({ code: 2 })
    await simulator.changeGuest(112, { state: 'stopped' })
    await expect
      .poll(() => remote.exec('pct exec 112 -- true'))
      .toMatchObject({ code: 255, stderr: "container '112' not running!\n" })
    expect((await remote.exec('pct list')).stdout).toMatch(/^112 +stopped +radarr$/m)
  })

  it('ends what runs in a container that stops', async () => {
    await using remote = await login(simulator.lab)
    const running = remote.exec('pct exec 113 -- sleep 30')
    await simulator.waitFor({ kind: 'exec', command: 'pct exec 113 -- sleep 30' })
    await simulator.changeGuest(113, { state: 'stopped' })
    expect(await running).toMatchObject({ signal: 'SIGKILL' })
  })

  it('has the programs that checks and logs need', async () => {
    await using remote = await login(simulator.lab)
    const inside = async (vmid: number, command: string) =>
      await remote.exec(`pct exec ${vmid} --keep-env 0 -- ${command}`)
    expect(await inside(102, 'pg_isready')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('accepting connections'),
    })
    expect(await inside(103, 'redis-cli ping')).toMatchObject({ code: 0, stdout: 'PONG\n' })
    expect(
      await inside(110, `curl -q -k -sS -m 5 -w '\\ncode=%{http_code}' http://127.0.0.1:32400/identity`),
    ).toMatchObject({ code: 0, stdout: expect.stringMatching(/MediaContainer.*code=200$/s) })
    expect(await inside(110, 'curl -sS http://127.0.0.1:1/')).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('Failed to connect'),
    })
    expect(await inside(110, 'systemctl is-active plexmediaserver')).toMatchObject({
      code: 0,
      stdout: 'active\n',
    })
    const lines = (
      await inside(110, 'journalctl -u plexmediaserver --since -1h --lines 5 --no-pager -o short-iso')
    ).stdout
      .trim()
      .split('\n')
    expect(lines).toHaveLength(5)
    for (const line of lines)
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000 plex (plexmediaserver\[412\]|systemd\[1\]): /)
    expect((await inside(110, `journalctl -u plexmediaserver --grep throttle -o cat`)).stdout).toMatch(
      /^(WARN - .*throttle.*\n)+$/,
    )
    await simulator.fault({ broken: { postgresql: 'refused' } })
    expect(await inside(102, 'pg_isready')).toMatchObject({ code: 2 })
  })

  it('measures disks, RAID and SMART', async () => {
    await using remote = await login(simulator.lab)
    expect((await remote.exec('df -B1 -P -- /Apollo')).stdout).toMatch(
      /^\/dev\/md0 48000000000000 31400000000000 16600000000000 66% \/Apollo$/m,
    )
    expect(await remote.exec('df -B1 -P -- /nowhere')).toMatchObject({
      code: 1,
      stderr: 'df: /nowhere: No such file or directory\n',
    })
    expect((await remote.exec('cat /proc/mdstat')).stdout).toMatch(
      /^md0 : active raid5 .*\n.*\[4\/4\] \[UUUU\]$/m,
    )
    expect(await remote.exec('smartctl -H /dev/sda')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('PASSED'),
    })
    await simulator.fault({ raidDegraded: true, smartFailing: ['sda'] })
    expect((await remote.exec('cat /proc/mdstat')).stdout).toMatch(/\(F\).*\n.*\[4\/3\] \[UUU_\]$/m)
    expect(await remote.exec('smartctl -H /dev/sda')).toMatchObject({
      code: 8,
      stdout: expect.stringContaining('FAILED'),
    })
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
    await expect(login(cluster.lab)).rejects.toThrow('ECONNREFUSED')
    await cluster.fault({ nodesDown: [] })
    expect((await first?.get('/version'))?.status).toBe(200)
    await using remote = await login(cluster.lab)
    expect((await remote.exec('true')).code).toBe(0)
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
    const ours = () => readdirSync(tmpdir()).filter((name) => name.startsWith('homelab-simulator-')).length
    const before = ours()
    const short = await startSimulator({})
    const remote = await login(short.lab)
    const { stdout: home } = await remote.exec('echo "$HOME"')
    expect(existsSync(home.trim())).toBe(true)
    await short.stop()
    expect(existsSync(home.trim())).toBe(false)
    expect(ours()).toBe(before)
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
