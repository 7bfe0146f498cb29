/** Looks at the lab now and then, and tells what nobody asked for: at the price of two calls a look, whatever its size. */
import { type ErrorData, errorData, HomelabError, type Json } from '@homelab/core'
import type { Task } from '@homelab/core/proxmox'
import type { z } from 'zod'
import { returnToLife } from './alive.ts'
import { TasksState, watchTasks } from './failed-tasks.ts'
import { outageCard } from './outage-cards.ts'
import { outageFinding } from './outage-findings.ts'
import { isOpen, OutageState, trackOutages } from './outages.ts'
import { busyGuests, Stopped, stillStopped, stoppedBy } from './purpose.ts'
import { stoppedBySomebody, thingsOf } from './things.ts'
import { describe, type Thing, type Watch, type WatchOptions } from './types.ts'

/** As many as the cluster ever lists. */
const TASKS = 1_000
/** Guests whose own tasks are asked for before it is told that they are down. */
const LOOKED_UP = 5
/** A lab that does not answer for so long is an outage; before that it is a hiccup. */
const SILENT_MS = 180_000
/** Between two looks at a lab that does not answer. */
const BACKOFF_MS = 120_000
const BEAT_MS = 30_000

/** The lab itself is missed also by a bot that has never seen it. */
const firstState: OutageState = { known: ['lab'], outages: [] }
const twice = { looks: 2, forMs: 0 }
const lasting = { looks: 1, forMs: SILENT_MS }

export function startWatch(options: WatchOptions): Watch {
  const { lab, proxmox, runs, facts, clock, log, tell, everyMs = 30_000 } = options
  const saved = new Map<string, string>()
  const read = <T>(name: string, schema: z.ZodType<T>): T | undefined => {
    const fact = facts.get(name)
    const parsed = schema.safeParse(fact)
    if (fact !== undefined && !parsed.success) log.warn({ name }, 'what the watch remembered is of no use')
    saved.set(name, JSON.stringify(fact))
    return parsed.data
  }
  const save = async (name: string, value: unknown): Promise<void> => {
    const text = JSON.stringify(value)
    if (text === undefined || saved.get(name) === text) return
    await facts.set(name, JSON.parse(text) as Json)
    saved.set(name, text)
  }

  const outages = trackOutages(read('watch.outages', OutageState) ?? firstState)
  const end = new AbortController()
  const tasks = watchTasks({ ...options, signal: end.signal }, read('watch.tasks', TasksState))
  let stopped: Stopped = read('watch.stopped', Stopped) ?? {}
  let failures = 0

  const forget = runs.onAny((run) => {
    if (run.finishedAt === undefined) return
    for (const vmid of stoppedBy(run)) stopped = { ...stopped, [vmid]: run.finishedAt }
  })

  /** @throws HomelabError when the lab does not answer, or shows nothing */
  async function lookAtLab(): Promise<void> {
    const overview = await lab.overview({ fresh: true, signal: end.signal })
    if (overview.filtered)
      throw new HomelabError('unauthorised', 'Proxmox shows this token no guests any more.', {
        hint: 'Look at the rights of the token and of its user.',
      })
    const list = await proxmox.tasks.list({ limit: TASKS }, end.signal)
    const rows = await lab.services()
    const busy = await busyGuests(options)
    const running = new Set(
      overview.guests.filter(({ status }) => status === 'running').map(({ vmid }) => vmid),
    )
    stopped = stillStopped(stopped, running, clock.now())
    const lookout = {
      overview,
      rows,
      tasks: list,
      busy,
      stopped: new Set(Object.keys(stopped).map(Number)),
      storageNames: new Map(
        options
          .inventory()
          .storages.flatMap(({ storage, name }) => (storage === undefined ? [] : [[storage, name]])),
      ),
    }
    const things = await lookUp(thingsOf(lookout), list, rows)
    const now = clock.now()
    outages.look(['lab'], [proxmoxIs({ state: 'up' })], now, lasting)
    outages.look(['node', 'storage', 'guest'], things, now, twice)
    await tellOutages()
    await tasks.look(list, rows, overview.guests, busy)
    await save('watch.tasks', tasks.state())
    await save('watch.stopped', stopped)
  }

  /**
   * The cluster lists a node's last 25 tasks only. Before a guest is told to be down, its own are asked for: somebody may have
   * stopped it while the bot was away. Not for many at once: those went down together.
   */
  async function lookUp(
    things: readonly Thing[],
    list: readonly Task[],
    rows: Awaited<ReturnType<typeof lab.services>>,
  ): Promise<readonly Thing[]> {
    const doubtful = things.filter(
      ({ key, kind, state }) => kind === 'guest' && state === 'down' && outages.suspected(key),
    )
    if (doubtful.length === 0 || doubtful.length > LOOKED_UP) return things
    const off = new Set<string>()
    for (const { key } of doubtful) {
      const guest = rows.find(({ target }) => key === `guest/${target?.guest.vmid}`)?.target?.guest
      if (guest === undefined) continue
      const { node, vmid } = guest
      const [own, shutdowns] = await Promise.all([
        proxmox.tasks.list({ node, vmid, limit: 20 }, end.signal),
        proxmox.tasks.list({ node, type: 'stopall', limit: 20 }, end.signal),
      ])
      if (stoppedBySomebody(own, [...list, ...shutdowns])) off.add(key)
    }
    return things.map((thing) => (off.has(thing.key) ? { ...thing, state: 'off' } : thing))
  }

  async function tellOutages(): Promise<void> {
    // Written before it is told: a crash in between tells it with the same id again, which is the same card.
    await save('watch.outages', outages.state())
    for (const outage of outages.untold()) {
      const card = outageCard(outage, clock.now())
      tell(outage.id, card, isOpen(outage) ? 'live' : 'done', outageFinding(outage, card))
      outages.told(outage)
    }
    await save('watch.outages', outages.state())
  }

  async function failed(error: unknown): Promise<void> {
    const data = errorData(error)
    if (data.code === 'bug') return log.error({ err: error }, 'a look at the lab failed')
    failures += 1
    if (failures === 1) log.warn({ error: data.message }, 'the lab does not answer')
    outages.look(['lab'], [proxmoxIs({ state: 'down', why: reason(data) })], clock.now(), lasting)
    await tellOutages()
  }

  async function lookOnce(): Promise<void> {
    if (end.signal.aborted || options.wanted?.() === false) return
    try {
      await lookAtLab()
      failures = 0
    } catch (error) {
      if (end.signal.aborted) return
      await failed(error).catch((worse: unknown) =>
        log.error({ error: describe(worse) }, 'the watch cannot keep what it saw'),
      )
    }
  }

  let looking: Promise<void> = Promise.resolve()
  const look = (): Promise<void> => {
    looking = looking.then(lookOnce)
    return looking
  }
  const every = async (ms: () => number, work: () => Promise<void>): Promise<void> => {
    while (!end.signal.aborted) {
      await work()
      await clock.sleep(ms(), end.signal).catch(() => {})
    }
  }

  const alive = returnToLife(options)
  const beat = () =>
    alive
      .then((noted) => noted.beat())
      .catch((error: unknown) => log.warn({ error: describe(error) }, 'a sign of life is not kept'))
  void every(() => BEAT_MS, beat)
  void every(() => Math.max(everyMs, Math.min(BACKOFF_MS, everyMs * 2 ** Math.max(0, failures - 1))), look)

  return {
    look,
    async stop() {
      if (end.signal.aborted) return
      end.abort(new HomelabError('cancelled', 'The bot shuts down.'))
      forget()
      await looking
      await (await alive).end()
    },
  }
}

const reason = ({ message, hint }: ErrorData): string => (hint === undefined ? message : `${message} ${hint}`)

const proxmoxIs = (is: Pick<Thing, 'state'> & Partial<Pick<Thing, 'why'>>): Thing => ({
  key: 'lab',
  kind: 'lab',
  name: 'Proxmox',
  what: 'the API',
  ...is,
})
