/** Runs a node: for each item its operation, with errors and pairing as n8n wants them. */
import { HomelabError, type Json, runInline, type Services } from '@homelab/core'
import { type IExecuteFunctions, type INodeExecutionData, NodeOperationError } from 'n8n-workflow'
import { n8nClock } from './clock.ts'
import { errorItem, nodeError } from './errors.ts'
import type { Surfaced } from './form.ts'
import { inputOf } from './input.ts'
import { recordsOf } from './output.ts'
import { permitChange, type Rights } from './rights.ts'

/** Opened once for all items: the credential's rights, and the services made with it. */
export interface Opened {
  readonly rights: Rights
  readonly services: Partial<Services>
}

export async function executeItems(
  context: IExecuteFunctions,
  all: readonly Surfaced[],
  open: (context: IExecuteFunctions) => Promise<Opened>,
): Promise<INodeExecutionData[][]> {
  const items = context.getInputData()
  const results: INodeExecutionData[] = []
  let opened: Opened | undefined
  for (const item of items.keys()) {
    try {
      const surface = chosen(context, all, item)
      opened ??= await open(context)
      const records = await runItem(context, surface, opened, item)
      results.push(...records.map((json) => ({ json, pairedItem: { item } })))
    } catch (error) {
      if (context.getExecutionCancelSignal?.()?.aborted === true) throw cancelled(context, item)
      if (!context.continueOnFail()) throw nodeError(context.getNode(), error, item)
      results.push({ json: errorItem(error), pairedItem: { item } })
    }
  }
  return [results]
}

/** Over for all items, also when they go on after errors. n8n knows it by the word "canceled". */
const cancelled = (context: IExecuteFunctions, itemIndex: number) =>
  new NodeOperationError(context.getNode(), 'The execution was canceled', {
    itemIndex,
    description: 'What had been asked of Proxmox goes on there.',
  })

function chosen(context: IExecuteFunctions, all: readonly Surfaced[], item: number): Surfaced {
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
) {
  const { operation } = surface
  const input = inputOf(context, surface, item)
  permitChange(operation, rights, context.isToolExecution?.() ?? false)
  const signal = context.getExecutionCancelSignal?.() ?? new AbortController().signal
  // Finds out before anything is sent what a change would meet: a lock, a guest that does not run.
  await operation.plan?.(input, services, { signal })
  const output = await runInline(operation, input, services, {
    clock: n8nClock,
    signal,
    log: (line) => context.logger.debug(line, { operation: operation.id, item }),
  })
  const warning = surface.override.warning?.(output as Readonly<Record<string, Json>>)
  if (warning !== undefined) {
    context.addExecutionHints({ message: warning, type: 'warning', location: 'outputPane' })
  }
  return recordsOf(context, surface, output, item)
}
