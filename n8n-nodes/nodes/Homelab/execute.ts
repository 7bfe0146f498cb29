/** Runs the node: each item's operation in the bot, or here on the lab of a file. */
import { HomelabError } from '@homelab/core'
import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow'
import { type Bot, createBot } from '../../src/bot/client.ts'
import { cancelOnBot, commandItem, planOnBot, runOnBot } from '../../src/bot/command.ts'
import { n8nClock } from '../../src/clock.ts'
import { changeFields } from '../../src/common-fields.ts'
import {
  chosen,
  forEachItem,
  isAgent,
  isDryRun,
  saysYes,
  signalOf,
  type WithFile,
} from '../../src/execute.ts'
import { commandWithFile, itemWithFile, type OpenedFile, openedFile } from '../../src/file/execute.ts'
import type { FileCredential } from '../../src/file/lab.ts'
import type { Surfaced } from '../../src/form.ts'
import { createHttp } from '../../src/http.ts'
import { inputOf } from '../../src/input.ts'
import { planItem, recordsOf } from '../../src/output.ts'
import { withPicture } from '../../src/picture.ts'
import { permitChange, type Rights } from '../../src/rights.ts'
import { type BotCredential, botCredentialType, fileCredentialType } from './credentials.ts'
import { operations } from './operations.ts'
import { commandResource, defaultWaitLimit, ways } from './properties.ts'

export function executeHomelab(context: IExecuteFunctions): Promise<INodeExecutionData[][]> {
  let bot: Promise<{ readonly bot: Bot; readonly rights: Rights }> | undefined
  let file: Promise<OpenedFile> | undefined
  return forEachItem(context, async (item) => {
    const throughFile = context.getNodeParameter('authentication', item, ways.bot) === ways.file
    if (context.getNodeParameter('resource', item) === commandResource.resource) {
      const command = commandOf(context, item)
      if (throughFile) {
        file ??= openFileOf(context)
        return [await commandWithFile(context, operations, await file, command, item)]
      }
      bot ??= openBot(context)
      return [await commandOnBot(context, await bot, command)]
    }
    const surface = chosen(context, operations, item)
    if (throughFile) {
      file ??= openFileOf(context)
      return await itemWithFile(context, surface, await file, item)
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

const openFileOf = async (context: IExecuteFunctions): Promise<OpenedFile> =>
  openedFile(context, await context.getCredentials<FileCredential & object>(fileCredentialType))

function commandOf(context: IExecuteFunctions, item: number) {
  const id = String(context.getNodeParameter(commandResource.field, item, '')).trim()
  if (id === '') throw new HomelabError('usage', 'command is missing: the ID that the change gave')
  return { id, cancel: context.getNodeParameter('operation', item) === commandResource.verbs.cancel }
}

async function commandOnBot(
  context: IExecuteFunctions,
  { bot, rights }: { readonly bot: Bot; readonly rights: Rights },
  { id, cancel }: ReturnType<typeof commandOf>,
): Promise<IDataObject> {
  if (!cancel) return commandItem(await bot.card(id, 0, 'done'))
  permitChange({ title: 'Cancel a command', risk: 'change' }, rights, isAgent(context))
  return commandItem(await cancelOnBot(bot, id))
}

async function onBot(
  context: IExecuteFunctions,
  surface: Surfaced,
  { bot, rights }: { readonly bot: Bot; readonly rights: Rights },
  item: number,
): Promise<(IDataObject | WithFile)[]> {
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
  if (surface.override.picture === true) {
    const { card: id, output } = outcome
    const picture = {
      card: operation.card(output, input),
      png: (theme: 'light' | 'dark') => bot.picture(id, theme),
    }
    return await Promise.all(records.map((record) => withPicture(context, item, record, picture)))
  }
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
