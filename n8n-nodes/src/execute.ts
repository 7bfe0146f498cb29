/** Runs a node: for each item its operation, with errors and pairing as n8n wants them. */
import { HomelabError, type Json, type Services } from '@homelab/core'
import {
  type IBinaryKeyData,
  type IDataObject,
  type IExecuteFunctions,
  type INodeExecutionData,
  NodeOperationError,
} from 'n8n-workflow'
import { agreed } from './agreed.ts'
import { n8nClock } from './clock.ts'
import { asksConfirm, changeFields, defaultWaitLimit } from './common-fields.ts'
import { errorItem, nodeError } from './errors.ts'
import type { Surfaced } from './form.ts'
import { inputOf } from './input.ts'
import { leftItem, listOutput, planItem, recordsOf } from './output.ts'
import { permittedPlan, type Rights } from './rights.ts'
import { runOperation } from './run.ts'

/** Opened once for all items: the credential's rights, and the services made with it. */
export interface Opened {
  readonly rights: Rights
  readonly services: Partial<Services>
}

type Open = (context: IExecuteFunctions) => Promise<Opened>

export const executeItems = (
  context: IExecuteFunctions,
  all: readonly Surfaced[],
  open: Open,
): Promise<INodeExecutionData[][]> => {
  let opened: Promise<Opened> | undefined
  return forEachItem(context, async (item) => {
    const surface = chosen(context, all, item)
    opened ??= open(context)
    return await runItem(context, surface, await opened, item)
  })
}

/** An item with a file beside its fields. */
export class WithFile {
  readonly json: IDataObject
  readonly binary: IBinaryKeyData

  constructor(json: IDataObject, binary: IBinaryKeyData) {
    this.json = json
    this.binary = binary
  }
}

/** The loop that all nodes have: each item's records are paired with it, and one that fails fails alone when it may. */
export async function forEachItem(
  context: IExecuteFunctions,
  work: (item: number) => Promise<readonly (IDataObject | WithFile)[]>,
): Promise<INodeExecutionData[][]> {
  const results: INodeExecutionData[] = []
  for (const item of context.getInputData().keys()) {
    try {
      const records = await work(item)
      for (const record of records) {
        const { json, ...file } =
          record instanceof WithFile ? { json: record.json, binary: record.binary } : { json: record }
        results.push({ json, ...file, pairedItem: { item } })
      }
    } catch (error) {
      if (context.getExecutionCancelSignal?.()?.aborted === true) throw cancelled(context, item)
      // Of what its tool throws an AI Agent of version 2 is given an empty answer, which may be taken for done.
      if (!context.continueOnFail() && !isAgent(context)) throw nodeError(context.getNode(), error, item)
      results.push({ json: errorItem(error), pairedItem: { item } })
    }
  }
  return [results]
}

/** Over for all items, also when they go on after errors. n8n knows it by the word "canceled". */
const cancelled = (context: IExecuteFunctions, itemIndex: number) =>
  new NodeOperationError(context.getNode(), 'The execution was canceled', {
    itemIndex,
    description: 'Look at what it was at work on: a change that had been sent may have been made.',
  })

export function chosen(context: IExecuteFunctions, all: readonly Surfaced[], item: number): Surfaced {
  const resource = context.getNodeParameter('resource', item)
  const verb = context.getNodeParameter('operation', item)
  const surface = all.find((each) => each.resource === resource && each.verb === verb)
  if (surface !== undefined) return surface
  throw new HomelabError('usage', `This version of the node has no operation "${verb}" for "${resource}"`)
}

async function runItem(
  context: IExecuteFunctions,
  surface: Surfaced,
  { rights, services }: Opened,
  item: number,
): Promise<IDataObject[]> {
  const { operation, override } = surface
  const input = inputOf(context, surface, item)
  const signal = signalOf(context)
  const change = { operation, input, services, rights, byAgent: isAgent(context), signal }
  if (isDryRun(context, surface, item)) return [await dryRun(change)]
  confirmed(context, surface, item)
  const limitMs = limitOf(context, surface, input, item)
  const plan = await permittedPlan(change)
  if (plan !== undefined) await agreed(change, plan, saysYes(context, surface, item))
  const ran = await runOperation(operation, input, services, {
    clock: n8nClock,
    signal,
    onCancel: 'end',
    output: listOutput(context, surface, item),
    log: (line) => context.logger.debug(line, { operation: operation.id, item }),
    ...(limitMs === undefined ? {} : { limitMs }),
  })
  if (ran.state === 'running') return [leftItem(ran.changes)]
  sound(surface, ran.output, input)
  hint(context, override.warning?.(ran.output as Readonly<Record<string, Json>>))
  return recordsOf(context, surface, ran.output, item)
}

/** @throws HomelabError `failed` when a check has found what it looked for to be wrong */
export function sound({ operation, override }: Surfaced, output: Json, input: unknown): void {
  if (override.failing !== true || operation.failed?.(output) !== true) return
  const { title, text } = operation.card(output, input)
  throw new HomelabError('failed', title, {
    ...(text === undefined ? {} : { hint: text }),
    data: output as Readonly<Record<string, unknown>>,
  })
}

export const signalOf = (context: IExecuteFunctions): AbortSignal =>
  context.getExecutionCancelSignal?.() ?? new AbortController().signal

/**
 * Whether an AI agent calls the node as its tool. Agents that let n8n's engine run their tools do so as for any other node, with
 * `isToolExecution` false: then the node itself says what it is.
 */
export function isAgent(context: IExecuteFunctions): boolean {
  const { type, rewireOutputLogTo } = context.getNode()
  return context.isToolExecution?.() === true || rewireOutputLogTo === 'ai_tool' || type.endsWith('Tool')
}

/** @throws HomelabError `usage` for anything but true and false: a plan that was asked for must not become a change */
export const isDryRun = (context: IExecuteFunctions, { operation }: Surfaced, item: number): boolean =>
  operation.risk !== 'read' && switchOf('Dry Run', context.getNodeParameter(changeFields.dryRun, item, false))

/** n8n takes any value from an expression, and 'false' is as true as 'true' is. */
function switchOf(title: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new HomelabError('usage', `${title} is neither true nor false`, {
    hint: 'Let the expression give a boolean, such as {{ $json.dryRun === "true" }}.',
  })
}

/** The yes that can be given beforehand; where a name is typed once more, that is it. */
export const saysYes = (context: IExecuteFunctions, { fields }: Surfaced, item: number): boolean =>
  fields.some(({ name }) => name === changeFields.confirm) ||
  context.getNodeParameter(changeFields.confirm, item, false) === true

/** It only reads, so that a read-only credential and an AI agent may ask for it. */
export const dryRun = async ({
  operation,
  input,
  services,
  signal,
}: Pick<Parameters<typeof permittedPlan>[0], 'operation' | 'input' | 'services' | 'signal'>) =>
  planItem(await operation.plan?.(input, services, { signal }))

/** @throws HomelabError `denied` for a destructive operation that nobody has confirmed */
export function confirmed(context: IExecuteFunctions, surface: Surfaced, item: number): void {
  if (!asksConfirm(surface) || saysYes(context, surface, item)) return
  throw new HomelabError('denied', `"${surface.operation.title}" cannot be undone, and is not confirmed`, {
    hint: 'Switch on "Confirm" in this node, or "Dry Run" to see what would be done.',
  })
}

/**
 * Milliseconds; undefined: to its end.
 * @throws HomelabError `usage` when it is not to be waited for and has to be
 */
function limitOf(
  context: IExecuteFunctions,
  { operation, override: { leavable = false } }: Surfaced,
  input: Readonly<Record<string, unknown>>,
  item: number,
): number | undefined {
  if (leavable === false) return undefined
  const waits = switchOf('Wait for Completion', context.getNodeParameter(changeFields.wait, item, true))
  if (typeof leavable === 'function' && !leavable(input)) {
    if (waits) return undefined
    throw new HomelabError(
      'usage',
      `"${operation.title}" has several steps here, and none may be left undone`,
      {
        hint: 'Switch on "Wait for Completion" in this node, or do the steps in nodes of their own.',
      },
    )
  }
  if (!waits) return 0
  const seconds = Number(context.getNodeParameter(changeFields.limit, item, defaultWaitLimit))
  if (Number.isFinite(seconds) && seconds >= 1) return seconds * 1000
  throw new HomelabError('usage', 'Wait Limit is a number of seconds, at least 1')
}

export function hint(context: IExecuteFunctions, message: string | undefined): void {
  if (message !== undefined) {
    context.addExecutionHints({ message, type: 'warning', location: 'outputPane' })
  }
}
