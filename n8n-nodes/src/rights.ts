/** What the credential lets a node do, decided before anything is sent. */
import { HomelabError, type Operation, type Plan, type Services, targetsOf } from '@homelab/core'
import { isOn } from './guard.ts'
import { vmidsInThings, vmidsOf } from './named.ts'

/** Switches of the credential. From an expression or another system they may be no booleans. */
export interface Rights {
  readonly readOnly?: boolean
  readonly aiMayChange?: boolean
  /** VMIDs with commas between them. */
  readonly protectedVmids?: string
}

export interface Change {
  readonly operation: Operation
  readonly input: Readonly<Record<string, unknown>>
  readonly services: Partial<Services>
  readonly rights: Rights
  /** Asked for by an AI agent that has the node as its tool. */
  readonly byAgent: boolean
  readonly signal: AbortSignal
}

/**
 * The one way to a change: what the credential forbids, then what the change would meet, by its plan. Nothing is sent that changes
 * anything.
 * @returns undefined for a read
 * @throws HomelabError `denied`, and as the operation's plan does
 */
export async function permittedPlan(change: Change): Promise<Plan | undefined> {
  const { operation, input, services, rights, byAgent, signal } = change
  permitChange(operation, rights, byAgent)
  if (operation.risk === 'read') return undefined
  const guarded = protectedVmids(rights)
  // Before the plan, which may fail for a reason of its own that tells nobody that it would not have been allowed.
  if (guarded.size > 0) refuse(operation, guarded, await touchedVmids(change))
  const plan: Plan | undefined = await operation.plan?.(input, services, { signal })
  if (guarded.size > 0) refuse(operation, guarded, lockedVmids(plan))
  return plan
}

/** @throws HomelabError `denied` before anything is sent */
export function permitChange(
  operation: Pick<Operation, 'risk' | 'title'>,
  rights: Rights,
  byAgent: boolean,
): void {
  if (operation.risk === 'read') return
  if (isOn(rights.readOnly)) {
    throw new HomelabError('denied', `"${operation.title}" is a change, and the credential is read-only`, {
      hint: 'Use a credential without "Read Only", or switch it off there.',
    })
  }
  if (byAgent && rights.aiMayChange !== true) {
    throw new HomelabError('denied', `"${operation.title}" is a change, and AI agents may only read`, {
      hint: 'Switch on "Allow Changes by AI Agents" in the credential if the agent is meant to do it.',
    })
  }
}

/** @throws HomelabError `config` for what is no VMID: a list that is not understood protects nobody */
export function protectedVmids({ protectedVmids: list = '' }: Rights): ReadonlySet<number> {
  const guarded = vmidsOf(list)
  if ('wrong' in guarded) {
    throw new HomelabError(
      'config',
      `"Protected VMIDs" of the credential has "${guarded.wrong}", which is no VMID`,
      { hint: 'Write VMIDs with commas between them, such as 100, 105.' },
    )
  }
  return guarded
}

function refuse(operation: Operation, guarded: ReadonlySet<number>, touched: Iterable<number>): void {
  for (const vmid of touched) {
    if (!guarded.has(vmid)) continue
    throw new HomelabError('denied', `"${operation.title}" would change guest ${vmid}, which is protected`, {
      hint: `Take ${vmid} out of "Protected VMIDs" in the credential, or use another credential for it.`,
      data: { vmid },
    })
  }
}

/** Guests that the input names: as guests, as VMIDs, and in tasks, archives and volumes of theirs. */
async function touchedVmids({ operation, input, services, signal }: Change): Promise<ReadonlySet<number>> {
  const vmids = new Set<number>()
  if (services.lab !== undefined) {
    for (const { names } of await targetsOf(operation, input, services.lab, signal))
      for (const name of names) if (/^\d+$/.test(name)) vmids.add(Number(name))
  }
  for (const [name, value] of Object.entries(input)) {
    const texts = (Array.isArray(value) ? value : [value]).map(String)
    for (const text of texts) {
      if (/vmid|newid|guest/i.test(name) && /^\d+$/.test(text)) vmids.add(Number(text))
      for (const vmid of vmidsInThings(text)) vmids.add(vmid)
    }
  }
  return vmids
}

const lockedVmids = (plan: Plan | undefined): readonly number[] =>
  (plan?.locks ?? []).flatMap((lock) => {
    const [, vmid] = /^guest\/(\d+)\b/.exec(lock) ?? []
    return vmid === undefined ? [] : [Number(vmid)]
  })
