/** What the fake programs print. */
import type { Call } from '../files/programs.ts'
import { FileError } from '../files/tree.ts'
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

/** What a program is given besides its arguments. */
export interface Given {
  readonly stdin: Buffer
  /** Variables of the community's scripts. */
  readonly env: Readonly<Record<string, string>>
}

/** What no single path is to blame for is said of the whole. */
export function runOnFiles(program: (call: Call, name: string) => Output, name: string, call: Call): Output {
  try {
    return program(call, name)
  } catch (error) {
    if (error instanceof FileError) return fail(`${name}: ${error.message}`)
    throw error
  }
}

/** Uses up a fault that fits this command. */
function breaks(sim: Sim, words: readonly string[]): boolean {
  const at = sim.faults.installBreaks.findIndex((part) => words.join(' ').includes(part))
  if (at >= 0) sim.faults.installBreaks = sim.faults.installBreaks.toSpliced(at, 1)
  return at >= 0
}

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
  if (breaks(sim, words)) return fail(`E: ${words[0] ?? ''} was made to fail in the simulated lab`, 100)
  const more: Readonly<Record<string, unknown>> = { ...request }
  const given: Given = {
    stdin: Buffer.from(typeof more.stdin === 'string' ? more.stdin : '', 'base64'),
    env: typeof more.env === 'object' && more.env !== null ? { ...more.env } : {},
  }
  const node = typeof more.node === 'string' && more.node !== '' ? more.node : (sim.lab.nodes[0]?.name ?? '')
  if (where === 'host') return await runOnHost(sim, services, node, words, given)
  const guest = sim.lab.guests.get(Number(where))
  if (!guest) return fail(`no container ${String(where)}`, 255)
  return await runInContainer(sim, services, guest, words, given)
}
