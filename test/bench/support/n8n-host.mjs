/**
 * The suite's n8n engine with n8n's own HTTP Request and Split Out beside our nodes, and with what a bench asks of it. What is timed
 * is timed in here, so that the way between the processes is not in it.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { jobs, withTheirs } from '../../e2e/support/n8n/host.mjs'
import { randomFrom } from './stats.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

/** Milliseconds by the clock, and of processor time of this process. */
async function timed(work) {
  const used = process.cpuUsage()
  const began = performance.now()
  const result = await work()
  const ms = performance.now() - began
  const { user, system } = process.cpuUsage(used)
  return { result, ms, cpuMs: (user + system) / 1000 }
}

/** The whole execution, with the number of items of its last node. */
async function executed(engine, run) {
  const { result, ms, cpuMs } = await timed(() => jobs.run(engine, run))
  const { status, runData, error } = result
  if (status !== 'success') throw error ?? new Error(`the execution ended with ${status}`)
  const last = run.definition.nodes.at(-1).name
  return { ms, cpuMs, items: runData[last][0].data.main[0].length }
}

Object.assign(jobs, {
  async loadMs({ loadMs }) {
    return loadMs
  },

  /** Each workflow once a round, in an order of its own: what one leaves behind must not always meet the same other. */
  async inTurn(engine, { runs, rounds }) {
    const all = runs.map(() => ({ ms: [], cpuMs: [], items: 0 }))
    for (const { definition } of runs) withTheirs(engine, definition)
    const random = randomFrom(7)
    for (let round = 0; round < rounds; round += 1) {
      const order = [...runs.keys()].map((at) => ({ at, place: random() }))
      for (const { at } of order.toSorted((a, b) => a.place - b.place)) {
        const { ms, cpuMs, items } = await executed(engine, runs[at])
        all[at].ms.push(ms)
        all[at].cpuMs.push(cpuMs)
        all[at].items = items
      }
    }
    return all
  },

  /** A list in the editor, scrolled to its end. */
  async pages(engine, input) {
    const { result, ms } = await timed(async () => {
      let entries = 0
      let token
      do {
        const { results, paginationToken } = await jobs.search(engine, { ...input, token })
        entries += results.length
        token = paginationToken
      } while (token !== undefined)
      return entries
    })
    return { entries: result, ms }
  },

  /** Bytes of live objects. */
  async heap() {
    for (let time = 0; time < 3; time += 1) {
      collect()
      await new Promise(setImmediate)
    }
    return process.memoryUsage().heapUsed
  },
})
