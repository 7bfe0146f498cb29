/** The simulated homelab's SSH host: what a stock sshd does without a terminal, and the programs that are found there. */
import { once } from 'node:events'
import ssh2 from 'ssh2'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
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
    expect(await remote.exec('pct exec 112 -- true')).toMatchObject({
      code: 255,
      stderr: "container '112' not running!\n",
    })
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
      expect(line).toMatch(
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000 plex (plexmediaserver\[412\]|systemd\[1\]): /,
      )
    expect((await inside(110, `journalctl -u plexmediaserver --grep throttle -o cat`)).stdout).toMatch(
      /^(WARN - .*throttle.*\n)+$/,
    )
    expect((await inside(102, `journalctl -u 'postgresql@*' -n 2 -o cat`)).stdout.split('\n')).toHaveLength(3)
    expect((await inside(102, 'journalctl -u nginx -n 2 --quiet')).stdout).toBe('')
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
