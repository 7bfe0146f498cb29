/**
 * The whole bot, killed with SIGKILL while it makes, clones, changes and deletes guests: each is done once, and no guest
 * is left that nobody speaks of. The simulator, which is a process of its own, counts what was really done.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { botClient, end, kill } from '../faults/support/lives-of-bots.ts'
import { environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let home: Awaited<ReturnType<typeof homeFolder>>
let first: ReadonlySet<number>

beforeAll(async () => {
  simulator = await startSimulator()
  first = new Set((await simulator.state()).guests.map(({ vmid }) => vmid))
})
afterAll(() => simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  for (const { vmid } of await others()) await simulator.changeGuest(vmid, { remove: true })
  await simulator.fault({ stale: false })
  home = await homeFolder()
  await writeFileFor(simulator, home.path, { more: '' })
})
afterEach(() => home[Symbol.asyncDispose]())

const others = async () => (await simulator.state()).guests.filter(({ vmid }) => !first.has(vmid))
const changes = async (vmid: number) => (await simulator.counts()).changes[String(vmid)]
const start = () => startBot([], environment(simulator), home.path)

interface Death {
  readonly text: string
  readonly verb: string
  readonly path: string
  /** Of its task. */
  readonly task: string
  /** Whose task it is. */
  readonly target: string
}

const deaths = ['before it is carried out', 'while the answer is on its way', 'while its task runs'] as const

/** Kills the bot at this moment of the command's first change, and lets another take it up to its end. */
async function dieAndFinish(
  { text, verb, path, task, target }: Death,
  at: (typeof deaths)[number],
): Promise<Posted> {
  const key = `a-key-${text.length}-${deaths.indexOf(at)}`
  if (at === 'while its task runs') await simulator.fault({ taskMs: { [task]: 3_000 }, stale: false })
  const bot = await start()
  const mark = await simulator.mark()
  if (at === 'before it is carried out') await simulator.fault({ holdBefore: 1 })
  if (at === 'while the answer is on its way') await simulator.fault({ holdAfter: 1 })
  await (await botClient(bot, home.path)).submit({ text, key, confirmed: true })
  if (at === 'while its task runs')
    await simulator.waitFor({ kind: 'task', type: task, target }, { after: mark })
  else await simulator.waitFor({ kind: 'held', verb, path }, { after: mark })
  await kill(bot)
  // What a server does with a request whose client is gone: it carries it out.
  await simulator.release()
  await using again = await start()
  const posted = await end(await botClient(again, home.path), key)
  expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
  return posted
}

describe.each(deaths)('a bot that is killed %s', (at) => {
  it('makes one container', async () => {
    const text = 'guest create web debian-12 storage:tesla start:false'
    const next = String((await createPve(simulator.lab).get('/cluster/nextid')).data)
    const death = { text, verb: 'POST', path: '/nodes/pve/lxc', task: 'vzcreate', target: next }
    const { output } = await dieAndFinish(death, at)
    expect(await others()).toMatchObject([{ vmid: Number(next), name: 'web', state: 'stopped', lock: null }])
    expect(output).toMatchObject({ vmid: Number(next) })
    expect(await changes(Number(next))).toEqual({ create: 1 })
  })

  it('makes one clone of a template', async () => {
    const text = 'guest clone 900 web vmid:501'
    const path = '/nodes/pve/lxc/900/clone'
    await dieAndFinish({ text, verb: 'POST', path, task: 'vzclone', target: '900' }, at)
    expect(await others()).toMatchObject([{ vmid: 501, name: 'web', lock: null }])
    expect(await changes(501)).toEqual({ clone: 1 })
  })

  it('enlarges a disk once', async () => {
    const size = async () => {
      const { data } = await createPve(simulator.lab).get('/nodes/pve/lxc/112/config')
      return Number(/size=(\d+)G/.exec(JSON.stringify(data))?.[1])
    }
    const before = await size()
    const path = '/nodes/pve/lxc/112/resize'
    const text = 'guest resize radarr +1G'
    await dieAndFinish({ text, verb: 'PUT', path, task: 'resize', target: '112' }, at)
    expect(await size()).toBe(before + 1)
    expect(await changes(112)).toEqual({ resize: 1 })
  })

  it('deletes a guest once', async () => {
    const pve = createPve(simulator.lab)
    const form = { newid: '502', hostname: 'gone', full: '0' }
    const { data } = await pve.post('/nodes/pve/lxc/900/clone', form)
    await simulator.waitFor({ kind: 'task', upid: String(data), status: 'OK' })
    const path = '/nodes/pve/lxc/502'
    const text = 'guest delete 502 gone'
    await dieAndFinish({ text, verb: 'DELETE', path, task: 'vzdestroy', target: '502' }, at)
    expect(await others()).toEqual([])
    expect(await changes(502)).toEqual({ clone: 1, destroy: 1 })
  })
})

/** The file of a bot that is root of the node, too: only that takes a lock off. */
async function addRoot(): Promise<void> {
  const { host: at, port, user, hostKey } = simulator.lab.ssh
  const ssh = `  ssh:\n    pve: { host: ${at}, port: ${port}, user: ${user}, key: env:SIMULATED_KEY, fingerprint: "${hostKey}" }\n`
  const path = join(home.path, 'homelab.yaml')
  await writeFile(path, (await readFile(path, 'utf8')).replace('console:', `${ssh}console:`))
}

const disks = async (): Promise<readonly string[]> =>
  ((await createPve(simulator.lab).get('/nodes/pve/storage/tesla/content')).data as { volid: string }[])
    .map(({ volid }) => volid)
    .toSorted()

describe('a container whose task was killed with the bot', () => {
  async function dies(vmid: number): Promise<Posted> {
    await simulator.fault({
      stale: false,
      taskMs: { vzcreate: 3_000 },
      taskBreaks: [{ type: 'vzcreate', status: 'unexpected status' }],
    })
    const env = { ...environment(simulator), SIMULATED_KEY: simulator.lab.ssh.privateKey }
    const bot = await startBot([], env, home.path)
    const mark = await simulator.mark()
    const text = `guest create web debian-12 storage:tesla vmid:${vmid}`
    await (await botClient(bot, home.path)).submit({ text, key: `a-key-${vmid}`, confirmed: true })
    await simulator.waitFor({ kind: 'task', type: 'vzcreate' }, { after: mark })
    await kill(bot)
    await using again = await startBot([], env, home.path)
    return await end(await botClient(again, home.path), `a-key-${vmid}`)
  }

  it('leaves nothing behind', async () => {
    await addRoot()
    const there = await disks()
    expect(await dies(503)).toMatchObject({ error: 'failed' })
    expect(await others()).toEqual([])
    expect(await disks()).toEqual(there)
    expect(await changes(503)).toEqual({ create: 1, destroy: 1 })
  })

  it('is named with what takes it away where nobody is root of its node', async () => {
    const posted = await dies(504)
    expect(await others()).toMatchObject([{ vmid: 504, lock: 'create' }])
    expect(posted.error).toBe('failed')
    expect(JSON.stringify(posted.card)).toContain('CT 504 was left half made, and is locked (create)')
  })
})
