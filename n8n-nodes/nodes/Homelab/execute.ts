/** Runs the node: each item's operation in the bot, or here on the lab of a file. */
import { HomelabError, runnable, type Services } from '@homelab/core'
import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow'
import { agreed } from '../../src/agreed.ts'
import { type Bot, createBot } from '../../src/bot/client.ts'
import { commandItem, planOnBot, runOnBot } from '../../src/bot/command.ts'
import { n8nClock } from '../../src/clock.ts'
import { changeFields } from '../../src/common-fields.ts'
import { chosen, dryRun, forEachItem, isAgent, isDryRun, saysYes, signalOf } from '../../src/execute.ts'
import { type FileCredential, openFile } from '../../src/file/lab.ts'
import type { Surfaced } from '../../src/form.ts'
import { createHttp } from '../../src/http.ts'
import { inputOf } from '../../src/input.ts'
import { planItem, recordsOf } from '../../src/output.ts'
import { permitChange, permittedPlan, type Rights } from '../../src/rights.ts'
import { runOperation } from '../../src/run.ts'
import { type BotCredential, botCredentialType, fileCredentialType } from './credentials.ts'
import { operations } from './operations.ts'
import { commandResource, defaultWaitLimit, ways } from './properties.ts'

export function executeHomelab(context: IExecuteFunctions): Promise<INodeExecutionData[][]> {
  let bot: Promise<{ readonly bot: Bot; readonly rights: Rights }> | undefined
  let file: Promise<{ readonly services: Partial<Services>; readonly rights: Rights }> | undefined
  return forEachItem(context, async (item) => {
    const throughFile = context.getNodeParameter('authentication', item, ways.bot) === ways.file
    if (context.getNodeParameter('resource', item) === commandResource.resource) {
      if (throughFile) throw onlyBot('Commands')
      bot ??= openBot(context)
      const id = String(context.getNodeParameter(commandResource.field, item, '')).trim()
      if (id === '') throw new HomelabError('usage', 'command is missing: the ID that the change gave')
      return [commandItem(await (await bot).bot.card(id, 0, 'done'))]
    }
    const surface = chosen(context, operations, item)
    if (throughFile) {
      file ??= openFileOf(context)
      return await onFile(context, surface, await file, item)
    }
    bot ??= openBot(context)
    return await onBot(context, surface, await bot, item)
  })
}

async function openBot(context: IExecuteFunctions) {
  const credential = await context.getCredentials<BotCredential & object>(botCredentialType)
  const { name = 'n8n' } = context.getWorkflow()
  const bot = createBot({
    http: createHttp(context, botCredentialType),
    clock: n8nClock,
    url: credential.url,
    purpose: isAgent(context) ? `an AI agent in ${name}` : name,
    signal: context.getExecutionCancelSignal?.(),
  })
  return { bot, rights: credential as Rights }
}

async function openFileOf(context: IExecuteFunctions) {
  const credential = await context.getCredentials<FileCredential & object>(fileCredentialType)
  return { services: openFile(context, credential), rights: credential as Rights }
}

async function onBot(
  context: IExecuteFunctions,
  surface: Surfaced,
  { bot, rights }: { readonly bot: Bot; readonly rights: Rights },
  item: number,
): Promise<IDataObject[]> {
  const { operation } = surface
  const input = inputOf(context, surface, item)
  const common = { monotonic: n8nClock.monotonic, signal: signalOf(context) }
  if (isDryRun(context, surface, item)) return [planItem(await planOnBot(bot, operation, input, common))]
  permitChange(operation, rights, isAgent(context))
  const outcome = await runOnBot(bot, operation, input, {
    ...common,
    confirmed: operation.risk !== 'read' && saysYes(context, surface, item),
    limitMs: limitOf(context, surface, item),
  })
  if (outcome.state === 'left') return [outcome.item]
  const records = recordsOf(context, surface, outcome.output, item)
  return outcome.run === undefined
    ? records
    : records.map((record) => ({ ...record, completed: true, run: outcome.run }))
}

/** Milliseconds. What runs at once in the bot is always waited for. */
function limitOf(context: IExecuteFunctions, { operation }: Surfaced, item: number): number {
  if (operation.risk === 'read' || operation.immediate === true) return 120_000
  if (context.getNodeParameter(changeFields.wait, item, true) !== true) return 0
  const seconds = Number(context.getNodeParameter(changeFields.limit, item, defaultWaitLimit))
  if (Number.isFinite(seconds) && seconds >= 1) return seconds * 1000
  throw new HomelabError('usage', 'Wait Limit is a number of seconds, at least 1')
}

async function onFile(
  context: IExecuteFunctions,
  surface: Surfaced,
  { services, rights }: { readonly services: Partial<Services>; readonly rights: Rights },
  item: number,
): Promise<IDataObject[]> {
  const { operation } = surface
  if (!runnable(operation, 'n8n', services)) throw onlyBot(`"${operation.title}"`)
  const input = inputOf(context, surface, item)
  const signal = signalOf(context)
  const change = { operation, input, services, rights, byAgent: isAgent(context), signal }
  if (isDryRun(context, surface, item)) return [await dryRun(change)]
  const plan = await permittedPlan(change)
  if (plan !== undefined) await agreed(change, plan, saysYes(context, surface, item))
  const ran = await runOperation(operation, input, services, {
    clock: n8nClock,
    signal,
    onCancel: 'end',
    log: (line) => context.logger.debug(line, { operation: operation.id, item }),
  })
  if (ran.state !== 'done') throw new HomelabError('bug', `"${operation.title}" was left before its end`)
  return recordsOf(context, surface, ran.output, item)
}

const onlyBot = (what: string): HomelabError =>
  new HomelabError('config', `${what} needs a running bot, which a file alone is not`, {
    hint: 'Choose "Homelab Bot" under Authentication, and its credential.',
  })
