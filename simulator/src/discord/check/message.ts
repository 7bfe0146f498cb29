/** The body of a message, checked the same whether it is created or edited, answered or followed up. */
import { refuse } from '../error.ts'
import { isSnowflake } from '../ids.ts'
import { checkComponents } from './components.ts'
import { checkEmbeds } from './embeds.ts'
import type { Json, Path } from './form.ts'
import { Form, isJson } from './form.ts'

export const flag = {
  suppressEmbeds: 1 << 2,
  hasThread: 1 << 5,
  ephemeral: 1 << 6,
  loading: 1 << 7,
  suppressNotifications: 1 << 12,
  componentsV2: 1 << 15,
} as const

/** Undefined: not given, so an edit leaves it as it is. */
export interface Draft {
  readonly content: string | undefined
  readonly embeds: readonly Json[] | undefined
  readonly components: readonly Json[] | undefined
  readonly attachments: readonly Json[] | undefined
  readonly flags: number
  readonly allowed: Json | undefined
  readonly nonce: string | undefined
  readonly enforceNonce: boolean
  readonly replyTo: string | undefined
}

export const emptyDraft: Draft = {
  content: undefined,
  embeds: undefined,
  components: undefined,
  attachments: undefined,
  flags: 0,
  allowed: undefined,
  nonce: undefined,
  enforceNonce: false,
  replyTo: undefined,
}

/** What an edit starts from. */
export interface Before {
  readonly content: string
  readonly embeds: readonly Json[]
  readonly components: readonly Json[]
  readonly attachments: readonly { readonly id: string }[]
  readonly flags: number
}

function allowedMentions(form: Form, value: unknown): Json | undefined {
  if (value === undefined || value === null) return undefined
  const path: Path = ['allowed_mentions']
  if (!isJson(value)) {
    form.add(path, 'MODEL_TYPE_CONVERT', 'Only dictionaries may be used in a ModelType')
    return undefined
  }
  const parse = Array.isArray(value.parse) ? value.parse : []
  for (const [index, what] of parse.entries())
    form.oneOf([...path, 'parse', index], what, ['users', 'roles', 'everyone'])
  for (const name of ['users', 'roles'] as const) {
    const ids: unknown = value[name]
    if (!Array.isArray(ids)) continue
    form.length([...path, name], ids.length, { max: 100 })
    for (const [index, id] of ids.entries())
      if (!isSnowflake(id))
        form.add([...path, name, index], 'NUMBER_TYPE_COERCE', `Value "${String(id)}" is not snowflake.`)
    if (ids.length > 0 && parse.includes(name))
      form.add(
        path,
        'MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE',
        `parse:["${name}"] and ${name}: [ids...] are mutually exclusive.`,
      )
  }
  return value
}

function nonceOf(form: Form, value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isInteger(value)) return String(value)
  return form.text(['nonce'], value, { max: 25 })
}

const legacy = 'MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2'

function checkModern(form: Form, draft: Draft, before: Before | undefined): void {
  const content = draft.content ?? before?.content ?? ''
  const embeds = draft.embeds ?? before?.embeds ?? []
  const message = 'The "content" and "embeds" fields cannot be used with flag MESSAGE_IS_COMPONENTS_V2'
  if (content !== '') form.add(['content'], legacy, message)
  if (embeds.length > 0) form.add(['embeds'], legacy, message)
}

/**
 * @param allowedFlags flags that may be set here
 * @param fileCount files that came with it
 * @param path where it stands in the body: `data` in an answer to an interaction
 * @throws ApiError 50035, 50006
 */
export function checkMessage(body: Json, allowedFlags: number, fileCount: number, before?: Before): Draft {
  const form = new Form()
  const flags = form.whole(['flags'], body.flags, 0, 2 ** 31) ?? 0
  if ((flags & ~(allowedFlags | (before?.flags ?? 0))) !== 0)
    form.add(['flags'], 'MESSAGE_FLAGS_INVALID', `These flags cannot be set here: ${flags & ~allowedFlags}`)
  const modern = ((flags | (before?.flags ?? 0)) & flag.componentsV2) !== 0
  const given = (name: string): boolean => name in body && body[name] !== undefined
  const content = form.text(['content'], body.content, { max: 2_000 })
  const embeds = checkEmbeds(form, body.embeds)
  const components = checkComponents(form, body.components, modern)
  const attachments = form.list(['attachments'], body.attachments, { max: 10 })
  for (const [index, one] of attachments.entries()) {
    form.text(['attachments', index, 'description'], one.description, { max: 1_024 })
    form.text(['attachments', index, 'filename'], one.filename, { max: 1_024 })
  }
  if (fileCount > 10) form.length(['attachments'], fileCount, { max: 10 })
  const reference = body.message_reference
  const draft: Draft = {
    content: given('content') ? (content ?? '').trim() : undefined,
    embeds: given('embeds') ? embeds : undefined,
    components: given('components') ? components : undefined,
    attachments: given('attachments') ? attachments : undefined,
    flags,
    allowed: allowedMentions(form, body.allowed_mentions),
    nonce: nonceOf(form, body.nonce),
    enforceNonce: body.enforce_nonce === true,
    replyTo: isJson(reference) && isSnowflake(reference.message_id) ? reference.message_id : undefined,
  }
  if (modern) checkModern(form, draft, before)
  form.done()
  if (isEmpty(draft, fileCount, modern, before)) throw refuse('emptyMessage')
  return draft
}

function isEmpty(draft: Draft, fileCount: number, modern: boolean, before: Before | undefined): boolean {
  const content = draft.content ?? before?.content ?? ''
  const embeds = draft.embeds ?? before?.embeds ?? []
  const components = draft.components ?? before?.components ?? []
  const kept = draft.attachments ?? before?.attachments ?? []
  const shown = before === undefined ? 0 : kept.length
  if (fileCount > 0 || shown > 0) return false
  if (modern) return components.length === 0
  return content === '' && embeds.length === 0 && components.length === 0
}
