/** What takes long in the Homelab node, with the file alone: a stock sshd and a real restic, and no worker that waits. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Homelab } from '../../n8n-nodes/nodes/Homelab/Homelab.node.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { type BackupHost, startBackupHost } from '../support/backup-host.ts'
import { openBench, type Setting } from '../support/n8n-bench.ts'
import { openRestic, requireRestic, resticBinary, resticVersions } from '../support/restic.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { requireTool } from '../support/tools.ts'

const ready = [requireTool('sshd', 'ssh-keygen', 'unshare', 'nsenter'), requireRestic()].every(Boolean)
const version = resticVersions.at(-1) ?? ''
const password = 'correct horse battery'
const node = new Homelab()

describe.skipIf(!ready)('a long operation with the file alone', { timeout: 120_000 }, () => {
  const stack = new AsyncDisposableStack()
  let simulator: Simulator
  let host: BackupHost
  let dir: string

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'homelab-n8n-'))
    stack.defer(() => rmSync(dir, { recursive: true, force: true }))
    await quickRepository(version, join(dir, 'repository'), password)
    for (const [folder, bytes] of [
      ['photos', 3],
      ['slow', 2 * 1024 * 1024],
    ] as const) {
      mkdirSync(join(dir, folder))
      writeFileSync(join(dir, folder, 'one.jpg'), randomBytes(bytes))
    }
    simulator = stack.use(await startSimulator())
    host = stack.use(await startBackupHost())
    host.restic(version)
    // Does what takes long only when nobody holds it.
    const holding = `while [ -e '${join(dir, 'hold')}' ]; do sleep 0.05; done`
    const long = '*" check "*|*" --prune "*|*" backup "*'
    const held = `case " $* " in ${long}) ${holding} ;; esac`
    host.program('held-restic', `#!/bin/sh\n${held}\nexec '${resticBinary(version)}' "$@"\n`)
    // Ten seconds for what it saves; what it has begun to send it sends to its end.
    host.program('slow-restic', `#!/bin/sh\nexec '${resticBinary(version)}' --limit-upload 256 "$@"\n`)
  }, 60_000)
  afterAll(() => stack.disposeAsync())

  const file = () => `
proxmox:
  endpoints: ${simulator.lab.pve}
  token: { id: "${simulator.lab.token.id}", secret: env:TOKEN }
  ca: env:CA
  ssh:
    pve: { host: 127.0.0.1, port: ${host.sshd.port}, user: ${host.sshd.host.user}, key: env:SSH_KEY, jobs: ${join(dir, 'jobs')}, fingerprint: "${host.sshd.hostKey('ed25519').fingerprint}" }
repositories:
  main: { restic: ${join(dir, 'repository')}, password: env:RESTIC, binary: ${join(host.sshd.dir, 'bin', 'held-restic')} }
  slow: { restic: ${join(dir, 'repository')}, password: env:RESTIC, binary: ${join(host.sshd.dir, 'bin', 'slow-restic')} }
  local: { storage: local }
backups:
  photos: { method: restic, node: pve, paths: [${join(dir, 'photos')}], to: [main], schedule: daily, retention: { last: 1 } }
  slow: { method: restic, node: pve, paths: [${join(dir, 'slow')}], to: [slow], schedule: daily }
  both: { method: restic, node: pve, paths: [${join(dir, 'photos')}], to: [main, slow], schedule: daily }
  guests: { method: vzdump, guests: [plex], to: [local], schedule: weekly }
`
  const credential = (own: Readonly<Record<string, unknown>> = {}) => ({
    homelabFileApi: {
      file: file(),
      references: {
        values: [
          { name: 'TOKEN', value: simulator.lab.token.secret },
          { name: 'CA', value: simulator.lab.ca },
          { name: 'SSH_KEY', value: readFileSync(join(host.sshd.dir, 'client'), 'utf8') },
          { name: 'RESTIC', value: own.restic ?? password },
        ],
      },
      ...own,
    },
  })
  /** A bench of its own each time: nothing is kept from one call to the next. */
  async function run(
    parameters: Setting['parameters'],
    own: Readonly<Record<string, unknown>> = {},
    more: Partial<Setting> = {},
  ) {
    await using bench = openBench()
    const { items } = await bench.run(node, {
      parameters: { authentication: 'file', ...parameters },
      credentials: credential(own),
      ...more,
    })
    return items[0]?.json ?? {}
  }
  async function failure(work: Promise<unknown>) {
    const error: unknown = await work.catch((caught: unknown) => caught)
    if (!(error instanceof Error)) throw new Error(`it did not fail: ${JSON.stringify(error)}`)
    return error as Error & { description?: string | null }
  }
  const named = (value: string) => ({ __rl: true, mode: 'name', value })
  const backup = (plan: string) => ({ resource: 'backup', operation: 'run', plan: named(plan) })
  const get = (command: unknown) => ({ resource: 'command', operation: 'get', command })
  const cancel = (command: unknown) => ({ resource: 'command', operation: 'cancel', command })
  /** Begun and left while it is surely at work; it goes on afterwards. */
  async function begun(parameters: Setting['parameters']) {
    writeFileSync(join(dir, 'hold'), '')
    try {
      const item = await run({ ...parameters, stay: 0 })
      expect(item).toMatchObject({ completed: false, state: 'working', command: expect.any(String) })
      return item
    } finally {
      rmSync(join(dir, 'hold'))
    }
  }
  /** As a workflow does: Wait, then Get, until it is completed. */
  async function completed(first: Awaited<ReturnType<typeof run>>) {
    let item = first
    for (let looks = 0; item.completed === false && looks < 300; looks += 1) {
      await delay(100)
      item = await run(get(item.command))
    }
    return item
  }
  const restic = (...args: string[]) =>
    openRestic(version, { repository: join(dir, 'repository'), password })(args)
  const proofs = async (plan: string): Promise<number> => {
    const { stdout } = await restic('snapshots', '--json', '--no-lock', '--tag', `proof,plan=${plan}`)
    return JSON.parse(stdout).length
  }
  const left = () => readdirSync(join(dir, 'jobs', 'jobs'))

  it('is begun once, left at once, and found again by its id alone', async () => {
    const { command } = await begun(backup('photos'))
    expect(Buffer.from(String(command), 'base64url').toString()).not.toContain(password)
    const done = await run({ ...get(command), stay: 60 })
    expect(done).toMatchObject({
      completed: true,
      state: 'done',
      title: 'photos is backed up',
      output: { done: [{ files: 1, bytes: 3 }] },
    })
    expect(await proofs('photos')).toBe(1)
    expect(left()).toEqual([])
    // Asked once more it is the same backup, and nothing is begun.
    expect(await run({ ...get(command), stay: 60 })).toMatchObject({ completed: true })
    expect(await proofs('photos')).toBe(1)
  })

  it('gives its own records when it ends while the node stays', async () => {
    expect(await run({ ...backup('photos'), stay: 60 })).toMatchObject({
      completed: true,
      plan: 'photos',
      done: [{ repository: 'main', files: 1 }],
    })
  })

  it('reads a repository, and removes from it, without a worker', async () => {
    const verify = { resource: 'backup', operation: 'verify', repository: 'main', options: { cycle: 1 } }
    expect(await completed(await begun(verify))).toMatchObject({ state: 'done', output: { sound: true } })
    const prune = { resource: 'backup', operation: 'prune', plan: named('photos'), confirm: true }
    const pruning = await begun(prune)
    expect(await completed(pruning)).toMatchObject({ completed: true })
    expect(await proofs('photos')).toBe(1)
    expect(left()).toEqual([])
  })

  it('ends when it is cancelled, by whoever may change things, and leaves no lock', async () => {
    const { completed: over, command } = await run({ ...backup('slow'), stay: 0 })
    expect(over).toBe(false)
    const agent = await run(cancel(command), {}, { byAgent: true })
    expect(agent.error).toContain('may only read')
    expect((await failure(run(cancel(command), { readOnly: true }))).message).toContain('read-only')
    expect(await run(cancel(command))).toMatchObject({ completed: true, state: 'cancelled' })
    expect((await restic('list', 'locks', '--no-lock')).stdout.trim()).toBe('')
    expect(await proofs('slow')).toBe(0)
  })

  it('takes no id that was made up, or with other secrets', async () => {
    const first = await begun(backup('photos'))
    const [body = '', mark = ''] = String(first.command).split('.')
    const changed = JSON.parse(Buffer.from(body, 'base64url').toString())
    const forged = Buffer.from(JSON.stringify({ ...changed, input: { plan: 'slow' } })).toString('base64url')
    for (const look of [get(`${forged}.${mark}`), get('n8n:0d3c')])
      expect((await failure(run(look))).message).toContain('no id of a job')
    expect((await failure(run(get(first.command), { restic: 'other' }))).message).toContain('no id of a job')
    await completed(first)
  })

  it('is refused before anything begins when changes would come after it', async () => {
    const before = await proofs('both')
    const several = await failure(run(backup('both')))
    expect(several.message).toContain('2 repositories, one after the other')
    expect(several.description).toContain('main, slow')
    const guests = await failure(run(backup('guests')))
    expect(guests.message).toContain('saves guests one after the other')
    expect(guests.description).toContain('Homelab Bot')
    expect(await proofs('both')).toBe(before)
    expect((await simulator.counts()).changes).toEqual({})
    expect(existsSync(join(dir, 'jobs', 'jobs')) ? left() : []).toEqual([])
    // Into one of them it can be left.
    const one = await run({ ...backup('both'), options: { repository: 'main' }, stay: 60 })
    expect(one).toMatchObject({ completed: true })
  })
})
