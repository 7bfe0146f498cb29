/** What the lists of names offer, from whichever credential the node has. */
import type { Suggestion, SuggestKind } from '@homelab/core'
import type { ILoadOptionsFunctions, INodeListSearchResult, INodePropertyOptions } from 'n8n-workflow'
import { createBot } from '../../src/bot/client.ts'
import { n8nClock } from '../../src/clock.ts'
import { nodeError } from '../../src/errors.ts'
import { type FileCredential, openFile } from '../../src/file/lab.ts'
import { createHttp } from '../../src/http.ts'
import { type BotCredential, botCredentialType, fileCredentialType } from './credentials.ts'
import { operations } from './operations.ts'
import { searchMethods, ways } from './properties.ts'

const most = 500

/** By the kind of name that the chosen operation takes. */
async function namesFor(
  context: ILoadOptionsFunctions,
  kind: SuggestKind,
  typed: string,
): Promise<readonly Suggestion[]> {
  try {
    return context.getNodeParameter('authentication', ways.bot) === ways.file
      ? await fromFile(context, kind, typed)
      : await fromBot(context, kind, typed)
  } catch (error) {
    throw nodeError(context.getNode(), error)
  }
}

async function fromFile(context: ILoadOptionsFunctions, kind: SuggestKind, typed: string) {
  const { lab } = openFile(context, await context.getCredentials<FileCredential & object>(fileCredentialType))
  // Plans are in the file; all else is as the lab has it now.
  if (kind !== 'backups') await lab.overview()
  return lab.suggest(kind, typed, most)
}

/** The bot completes what a person would type: `restart services:pl`. It offers what the caller may do, and no more. */
async function fromBot(context: ILoadOptionsFunctions, kind: SuggestKind, typed: string) {
  const surface = operations.find(
    ({ resource, verb }) =>
      resource === context.getNodeParameter('resource', '') &&
      verb === context.getNodeParameter('operation', ''),
  )
  const field = surface?.fields.find(({ suggest }) => suggest === kind)
  if (surface === undefined || field === undefined) return []
  const credential = await context.getCredentials<BotCredential & object>(botCredentialType)
  const bot = createBot({
    http: createHttp(context, botCredentialType),
    clock: n8nClock,
    url: credential.url,
    purpose: 'the editor',
  })
  const prefix = `${field.name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}:`
  const word = /\s/.test(typed) ? `"${typed.replaceAll('"', '')}"` : typed
  const found = await bot.complete(`${surface.operation.chat} ${prefix}${word}`)
  return found.map(({ value, label }) => ({
    value: value.replace(prefix, '').replace(/^(["'])(.*)\1$/, '$2'),
    label,
  }))
}

const shown = ({ value, label = '' }: Suggestion): string => (label === '' ? value : `${value} (${label})`)

const searching = (kind: SuggestKind) =>
  async function search(this: ILoadOptionsFunctions, filter = ''): Promise<INodeListSearchResult> {
    const found = await namesFor(this, kind, filter)
    return { results: found.map((each) => ({ name: shown(each), value: each.value })) }
  }

const loading = (kind: SuggestKind) =>
  async function load(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
    const found = await namesFor(this, kind, '')
    return found.map((each) => ({ name: shown(each), value: each.value }))
  }

const kinds = Object.keys(searchMethods) as SuggestKind[]
const methodOf = (kind: SuggestKind): string => searchMethods[kind] ?? ''

export const listSearch = Object.fromEntries(kinds.map((kind) => [methodOf(kind), searching(kind)]))
export const loadOptions = Object.fromEntries(
  kinds.map((kind) => [methodOf(kind).replace('search', 'load'), loading(kind)]),
)
