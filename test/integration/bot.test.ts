/** Runs in the whole bot: one change at a time for each guest, cancel, and a lab that is nothing but a token. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { Secret } from '@homelab/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ApiClient, createApiClient } from '../../bot/src/api/client.ts'
import type { Posted } from '../../bot/src/chat/types.ts'
import {
  type BotProcess,
  environment,
  failedBot,
  homeFolder,
  startBot,
  terminal,
  writeFileFor,
} from '../support/bot.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let home: Awaited<ReturnType<typeof homeFolder>>
let bot: BotProcess
let client: ApiClient

beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  home = await homeFolder()
  await writeFileFor(simulator, home.path, { more: '' })
  bot = await startBot([], environment(simulator), home.path)
  client = createApiClient({
    url: bot.url,
    token: new Secret(await readFile(`${home.path}/state/api-token`, 'utf8')),
  })
})
afterEach(async () => {
  await bot[Symbol.asyncDispose]()
  await home[Symbol.asyncDispose]()
})

/** Reads the card's states until one fits, and returns it. */
async function until(id: string, fits: (posted: Posted) => boolean): Promise<Posted> {
  for await (const posted of client.follow(id)) if (fits(posted)) return posted
  throw new Error(`the card ${id} ended before`)
}
const done = (id: string) => until(id, (posted) => posted.state === 'done')
const guest = async (vmid: number) => (await simulator.state()).guests.find((each) => each.vmid === vmid)

describe('two changes of one guest', () => {
  it('go one after the other, and the second says for what it waits', async () => {
    await simulator.fault({ taskMs: { vzreboot: 1_500 } })
    const first = await client.submit({ text: 'restart plex wait:false' })
    const { run } = await until(first.id, (posted) => posted.run !== undefined)
    const second = await client.submit({ text: 'restart plex wait:false' })
    const waits = await until(second.id, (posted) => posted.card.text?.startsWith('Waits') === true)
    expect(waits.card.text).toContain(`run ${run}`)
    expect(await simulator.counts()).toMatchObject({ changes: { 110: { reboot: 1 } } })
    expect((await done(first.id)).error).toBeUndefined()
    expect((await done(second.id)).error).toBeUndefined()
    expect(await simulator.counts()).toMatchObject({ changes: { 110: { reboot: 2 } } })
  })

  it('of two guests go at once', async () => {
    await simulator.fault({ holdAfter: 2 })
    const mark = await simulator.mark()
    const ids = [
      await client.submit({ text: 'restart plex wait:false' }),
      await client.submit({ text: 'restart jellyfin wait:false' }),
    ]
    // Both are held at the server at the same time: neither waited for the other.
    await simulator.waitFor({ kind: 'held', phase: 'after' }, { after: mark, count: 2 })
    await simulator.release()
    for (const { id } of ids) expect((await done(id)).error).toBeUndefined()
  })
})

describe('cancel', () => {
  it('stops the task, brings the guest back up, and says that it was cancelled', async () => {
    await simulator.fault({ taskMs: { vzreboot: 60_000 } })
    const mark = await simulator.mark()
    const { id } = await client.submit({ text: 'restart plex wait:false' })
    const { run } = await until(id, (posted) => posted.run !== undefined)
    const [task] = await simulator.waitFor({ kind: 'task', type: 'vzreboot' }, { after: mark })
    const cancel = await client.submit({ text: `run cancel ${run}` })
    expect((await done(cancel.id)).error).toBeUndefined()
    expect(await done(id)).toMatchObject({ error: 'cancelled', card: { text: 'Cancelled by terminal.' } })
    expect(await guest(110)).toMatchObject({ state: 'running' })
    const { tasks } = await simulator.state()
    expect(tasks.find((each) => each.upid === task?.upid)?.status).not.toBe('running')
    expect(await simulator.counts()).toMatchObject({ changes: { 110: { reboot: 1 } } })
  })

  it('of a run that waits ends it at once, and it changes nothing', async () => {
    await simulator.fault({ taskMs: { vzreboot: 1_000 } })
    const first = await client.submit({ text: 'restart plex wait:false' })
    await until(first.id, (posted) => posted.run !== undefined)
    const second = await client.submit({ text: 'restart plex wait:false' })
    const { run } = await until(second.id, (posted) => posted.card.text?.startsWith('Waits') === true)
    await client.submit({ text: `run cancel ${run}` })
    expect(await done(second.id)).toMatchObject({ error: 'cancelled' })
    expect((await done(first.id)).error).toBeUndefined()
    expect(await simulator.counts()).toMatchObject({ changes: { 110: { reboot: 1 } } })
  })

  it('of what has ended says how it ended', async () => {
    const { id } = await client.submit({ text: 'restart plex wait:false' })
    const { run } = await done(id)
    const cancel = await client.submit({ text: `run cancel ${run}` })
    expect(await done(cancel.id)).toMatchObject({
      error: 'conflict',
      card: { text: expect.stringContaining('has succeeded') },
    })
  })
})

describe('history', () => {
  it('has every run with its log, also for a terminal', async () => {
    const { id } = await client.submit({ text: 'restart plex wait:false' })
    const { run } = await done(id)
    const list = await terminal(['run', 'list', '--json'], environment(simulator), home.path)
    expect(JSON.parse(list.stdout)).toMatchObject({
      runs: [{ id: run, state: 'succeeded', operation: 'service.restart' }],
    })
    const shown = await terminal(['run', 'show', String(run), '--json'], environment(simulator), home.path)
    expect(shown.stdout).toMatch(/reboot 110: UPID:pve:/)
  })
})

describe('nothing but a token in the environment', () => {
  it('restarts a live guest by its name', async () => {
    await using empty = await homeFolder()
    const { lab } = simulator
    const env = {
      ...environment(simulator),
      PROXMOX_URL: lab.pve,
      PROXMOX_TOKEN_ID: lab.token.id,
      PROXMOX_TOKEN_SECRET: lab.token.secret,
      PROXMOX_FINGERPRINT: lab.fingerprint,
    }
    const { code, stdout } = await terminal(['restart', 'plex', '--no-wait'], env, empty.path)
    expect(stdout).toContain('plex restarted')
    expect(code).toBe(0)
    expect(await simulator.counts()).toMatchObject({ changes: { 110: { reboot: 1 } } })
  })
})

describe('what was found wrong once', () => {
  it('a restart of what somebody stopped meanwhile leaves it stopped', async () => {
    await simulator.fault({ taskMs: { vzshutdown: 1_500 } })
    const stop = await client.submit({ text: 'stop radarr', confirmed: true })
    await until(stop.id, (posted) => posted.run !== undefined)
    const restart = await client.submit({ text: 'restart radarr wait:false' })
    await until(restart.id, (posted) => posted.card.text?.startsWith('Waits') === true)
    expect((await done(stop.id)).error).toBeUndefined()
    expect(await done(restart.id)).toMatchObject({ error: 'conflict' })
    expect(await guest(112)).toMatchObject({ state: 'stopped' })
    expect(await simulator.counts()).toMatchObject({ changes: { 112: { shutdown: 1 } } })
  })

  it('of several guests, one whose start failed is brought back up, and history says that it failed', async () => {
    await simulator.fault({ taskEnds: [{ type: 'vzstart', status: 'no space left' }] })
    const { id } = await client.submit({ text: 'restart plex jellyfin --force wait:false', confirmed: true })
    const posted = await done(id)
    expect(posted).toMatchObject({ error: 'failed', card: { title: '1 of 2 guests restarted' } })
    expect(posted.output).toMatchObject({
      results: expect.arrayContaining([expect.objectContaining({ outcome: 'failed' })]),
    })
    for (const vmid of [110, 111]) expect(await guest(vmid)).toMatchObject({ state: 'running' })
    const list = await terminal(['run', 'list', '--json'], environment(simulator), home.path)
    expect(JSON.parse(list.stdout)).toMatchObject({ runs: [{ state: 'failed' }] })
  })

  it('a dry run of a cancel cancels nothing', async () => {
    await simulator.fault({ taskMs: { vzreboot: 1_500 } })
    const { id } = await client.submit({ text: 'restart plex wait:false' })
    const { run } = await until(id, (posted) => posted.run !== undefined)
    const dry = await client.submit({ text: `run cancel ${run} --dry-run` })
    expect((await done(dry.id)).card.title).toMatch(/^Dry run: Cancel run/)
    expect((await done(id)).error).toBeUndefined()
  })

  it('a terminal does not take a stranger on the old port for the bot, and sends it no token', async () => {
    bot.signal('SIGKILL')
    await bot.exited
    const heard: string[] = []
    const stranger = createServer((request, response) => {
      heard.push(`${request.url} ${request.headers.authorization ?? ''}`)
      response.end('{}')
    })
    stranger.listen(Number(new URL(bot.url).port), '127.0.0.1')
    await once(stranger, 'listening')
    const { stdout, code } = await terminal(['guest', 'list', 'plex'], environment(simulator), home.path)
    stranger.close()
    expect(stdout).toContain('1 of 18 guests')
    expect(code).toBe(0)
    expect(heard.join('\n')).not.toMatch(/Bearer/)
    expect(heard).toHaveLength(1)
  })
})

describe('dependencies', () => {
  it('count through services that are not named', async () => {
    await using other = await homeFolder()
    const more =
      'services:\n  radarr: { needs: [prowlarr] }\n  prowlarr: { needs: [sonarr] }\n  sonarr: { guest: 113 }\n'
    await writeFileFor(simulator, other.path, { more })
    const plan = await terminal(
      ['stop', 'sonarr', 'radarr', '--dry-run', '--json'],
      environment(simulator),
      other.path,
    )
    expect(JSON.parse(plan.stdout).steps.map((step: string) => /CT (\d+)/.exec(step)?.[1])).toEqual([
      '112',
      '113',
    ])
  })
})

describe('the console behind a proxy', () => {
  it('asks for the token though it is bound to the loopback, and does not start without one', async () => {
    await using other = await homeFolder()
    const path = await writeFileFor(simulator, other.path, { more: '' })
    const text = await readFile(path, 'utf8')
    const behind = (more: string) =>
      writeFile(
        path,
        text.replace(
          'console: { port: 0, role: admin }',
          `console: { port: 0, role: admin, hosts: [desk.example.org]${more} }`,
        ),
      )
    await behind('')
    const refused = await failedBot([], environment(simulator), other.path)
    expect(refused.stderr).toContain('console.token')
    await behind(', token: env:CONSOLE_TOKEN')
    await using proxied = await startBot(
      [],
      { ...environment(simulator), CONSOLE_TOKEN: 'a-long-enough-token-for-it' },
      other.path,
    )
    const { pathname } = new URL((await fetch(proxied.url, { redirect: 'follow' })).url)
    expect(pathname).toMatch(/login/)
  })
})

describe('shell completion', () => {
  it('never runs what it completes', async () => {
    const script = await terminal(['completion', 'bash'], environment(simulator), home.path)
    const made = `${home.path}/made-by-a-name`
    const test = `
      homelab() { printf '%s\\n' '$(touch ${made})' 'plain'; }
      ${script.stdout}
      COMP_LINE='homelab restart '; COMP_POINT=\${#COMP_LINE}; COMP_WORDS=(homelab restart ''); COMP_CWORD=2
      _homelab; printf '%s\\n' "\${#COMPREPLY[@]}"`
    expect(execFileSync('bash', ['-c', test], { encoding: 'utf8' }).trim()).toBe('2')
    expect(existsSync(made)).toBe(false)
  })
})
