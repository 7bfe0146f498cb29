/** A bot with nothing but runs, to be killed. Its config comes as the one argument, its orders by messages. */
import { type Caller, HomelabError, type Json, TransportError, type Verbs } from '@homelab/core'
import { openRuns } from '../../../bot/src/runs/index.ts'
import { systemClock } from '../../../core/src/node/clock.ts'
import type { BotConfig, FromBot, ToBot } from './messages.ts'
import type { Task } from './peer.ts'

const config = JSON.parse(process.argv[2] ?? '{}') as BotConfig
const say = (message: FromBot) => process.send?.(message)
const caller: Caller = { id: 'console:mary', name: 'mary', role: 'operator', surface: 'chat' }

let left = config.nth ?? 1
const pass = (point: string) => {
  if (point !== config.failpoint) return
  left -= 1
  if (left === 0) process.kill(process.pid, 'SIGKILL')
}

async function ask<T>(method: 'GET' | 'POST', path: string): Promise<T> {
  try {
    const answer = await fetch(config.peer + path, { method })
    return (await answer.json()) as T
  } catch (error) {
    throw new TransportError('The peer does not answer.', true, { cause: error })
  }
}

/** Restarts a guest: looks, sends, follows, checks. `broken` fails at the end and is undone. */
async function restart(input: { guest: string; job: string; broken?: boolean }, verbs: Verbs): Promise<Json> {
  const query = `guest=${input.guest}&job=${input.job}`
  const before = await verbs.step('look', async () => (await ask<Task[]>('GET', `/tasks?${query}`)).length)
  verbs.undo('restart', async () => {
    await ask('POST', `/undo?${query}`)
    pass('undo.inside')
  })
  const upid = await verbs.change<string>('restart', {
    async act() {
      pass('act.before')
      const sent = ask<string>('POST', `/tasks?${query}`)
      if (config.failpoint === 'act.sent') {
        // The request is on its way or done, its answer not read.
        await new Promise((resolve) => setTimeout(resolve, 20))
        pass('act.sent')
      }
      const id = await sent
      pass('act.answered')
      return id
    },
    async find({ since, claimed }) {
      say({ said: 'doing', what: 'find', at: Date.now() })
      pass('find.before')
      const tasks = await ask<Task[]>('GET', `/tasks?${query}`)
      pass('find.after')
      return tasks.findLast((task) => task.at >= since.getTime() && !claimed(task.id))?.id
    },
  })
  await verbs.follow('task', async (signal) => {
    say({ said: 'doing', what: 'follow', at: Date.now() })
    for (;;) {
      const task = await ask<{ done: boolean }>('GET', `/task?id=${upid}`)
      pass('follow.inside')
      if (task.done) return null
      await systemClock.sleep(15, signal)
    }
  })
  await verbs.step('check', async () => before)
  if (input.broken) throw new HomelabError('failed', 'It did not come up again.')
  return { upid }
}

/** Something that ends only when it is told to. */
async function hold(input: { job: string }, verbs: Verbs): Promise<Json> {
  verbs.undo('hold', () => ask('POST', `/undo?job=${input.job}`))
  return await verbs.follow('hold', async (signal) => {
    say({ said: 'doing', what: 'hold', at: Date.now() })
    await systemClock.sleep(600_000, signal)
    return null
  })
}

try {
  const runs = await openRuns({
    file: config.file,
    clock: systemClock,
    execute: ({ operation, input }, verbs) => {
      const { guest, job } = input as { guest: string; job: string }
      if (operation === 'hold') return hold({ job }, verbs)
      return restart({ guest, job, broken: operation === 'broken' }, verbs)
    },
    probe: (point, _run, name) => {
      pass(point)
      if (name !== '') pass(`${point} ${name}`)
    },
    timing: { settleMs: 40, unclearMs: 200, graceMs: 500 },
    ...(config.maxDeaths === undefined ? {} : { maxDeaths: config.maxDeaths }),
  })
  runs.onAny((run) => say({ said: 'run', run }))
  process.on('message', (message: ToBot) => {
    void (async () => {
      if (message.do === 'list') return say({ said: 'list', runs: await runs.list({ limit: 1_000 }) })
      if (message.do === 'cancel') return void (await runs.cancel(message.id, caller))
      const { key, guest, operation, deadlineMs } = message
      const { run } = await runs.start({
        operation,
        title: `${operation} ${guest}`,
        input: { guest, job: key },
        caller,
        key,
        locks: [`guest/${guest}`],
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
      })
      return say({ said: 'accepted', key, run })
    })()
  })
  process.on('disconnect', () => process.exit())
  say({ said: 'ready' })
} catch (error) {
  const { code, message } = error as HomelabError
  say({ said: 'refused', code, message })
  process.disconnect()
}
