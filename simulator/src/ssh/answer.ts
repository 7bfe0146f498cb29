/** What the fake programs print. */
import { makeReady } from '../real/programs.ts'
import type { Services } from '../services/services.ts'
import type { Sim } from '../sim.ts'
import { runInContainer } from './container.ts'
import { runOnHost } from './host.ts'

export interface Output {
  readonly stdout?: string
  readonly stderr?: string
  readonly code?: number
}

export const fail = (stderr: string, code = 1): Output => ({ stderr: `${stderr}\n`, code })

/** @param programs where they are */
export async function answer(
  sim: Sim,
  services: Services,
  programs: string,
  request: unknown,
): Promise<Output> {
  if (typeof request !== 'object' || request === null || !('where' in request) || !('argv' in request))
    throw new Error('run needs where and argv')
  const { where, argv } = request
  const words = Array.isArray(argv) ? argv.map(String) : []
  if (words[0] === 'lab-ready' && sim.real !== undefined) {
    try {
      await makeReady(sim.real, programs, words[1] ?? '')
      return {}
    } catch (error) {
      return fail(error instanceof Error ? error.message : String(error))
    }
  }
  if (where === 'host') return await runOnHost(sim, words)
  const guest = sim.lab.guests.get(Number(where))
  if (!guest) return fail(`no container ${String(where)}`, 255)
  return await runInContainer(sim, services, guest, words)
}
