/** What a message may hold, looked at before it is posted or changed. */
import { checkBlocks, lengthOfBlocks } from './blocks/blocks.ts'
import { Checker } from './blocks/checker.ts'
import { fillIds } from './blocks/views.ts'
import type { Json } from './json.ts'
import { isObject, list, objects, string, truthy } from './json.ts'
import { mentionsIn, mentionsInBlocks, normalize } from './markup.ts'
import { Refusal } from './refusal.ts'
import type { Workspace } from './workspace.ts'

const LONGEST_TEXT = { post: 40_000, update: 4000 } as const
const LONGEST_BLOCKS = 13_200
const MOST_ATTACHMENTS = 100

export interface Content {
  /** Undefined when the call said nothing of it: an update keeps what was there. */
  readonly text: string | undefined
  readonly blocks: readonly Json[] | undefined
  readonly attachments: readonly Json[] | undefined
  readonly metadata: Json | undefined
  readonly mentions: readonly string[]
  readonly pings: readonly string[]
}

/** A JSON argument, which a form carries as text. */
export function jsonArgument(args: Json, name: string, code: string): unknown {
  const value = args[name]
  if (typeof value !== 'string') return value ?? undefined
  if (value === '') return undefined
  try {
    return JSON.parse(value)
  } catch {
    throw new Refusal(code)
  }
}

function checkedBlocks(value: unknown, path: string, code: string): readonly Json[] | undefined {
  if (value === undefined) return undefined
  if (!Array.isArray(value)) throw new Refusal(`${code}_format`)
  const checker = new Checker()
  checkBlocks(checker, value, path, 'message')
  if (checker.problems.length > 0) throw Refusal.of(code, checker.problems)
  return objects(value)
}

const KNOWN_ATTACHMENT = ['color', 'fallback', 'blocks', 'text', 'pretext', 'title', 'title_link', 'fields']

function checkedAttachments(value: unknown): readonly Json[] | undefined {
  if (value === undefined) return undefined
  if (!Array.isArray(value)) throw new Refusal('invalid_attachments')
  if (value.length > MOST_ATTACHMENTS) throw new Refusal('too_many_attachments')
  return list(value).map((attachment, index) => {
    if (!isObject(attachment)) throw new Refusal('invalid_attachments')
    const blocks = checkedBlocks(attachment.blocks, `/attachments/${index}/blocks`, 'invalid_attachments')
    // Slack says nothing and shows nothing of an attachment that has none of these.
    if (!KNOWN_ATTACHMENT.some((key) => key in attachment)) throw new Refusal('no_text')
    return { ...attachment, id: index + 1, ...(blocks && { blocks }) }
  })
}

function checkedMetadata(value: unknown): Json | undefined {
  if (value === undefined) return undefined
  if (!isObject(value) || string(value.event_type) === undefined || !isObject(value.event_payload))
    throw new Refusal('invalid_metadata_format')
  return value
}

/**
 * @throws Refusal for whatever Slack would refuse
 */
export function checkContent(args: Json, workspace: Workspace, use: 'post' | 'update' | 'response'): Content {
  const blocks = checkedBlocks(
    jsonArgument(args, 'blocks', 'invalid_blocks_format'),
    '/blocks',
    'invalid_blocks',
  )
  const attachments = checkedAttachments(jsonArgument(args, 'attachments', 'invalid_attachments'))
  const metadata = checkedMetadata(jsonArgument(args, 'metadata', 'invalid_metadata_format'))
  const attached = (attachments ?? []).flatMap((attachment) => objects(attachment.blocks))
  const all = [...(blocks ?? []), ...attached]
  if (all.filter(({ type }) => type === 'table').length > 1)
    throw Refusal.of('invalid_attachments', ['only_one_table_allowed'])
  // Answers by response_url are not held to it.
  if (use !== 'response' && lengthOfBlocks(all) > LONGEST_BLOCKS) throw new Refusal('msg_blocks_too_long')
  const given = args.text === undefined || args.text === null ? undefined : String(args.text)
  if (given !== undefined && given.length > LONGEST_TEXT[use === 'update' ? 'update' : 'post'])
    throw new Refusal('msg_too_long')
  if (use !== 'update' && !given && !blocks?.length && !attachments?.length) throw new Refusal('no_text')
  if (use === 'update' && given === undefined && !blocks && !attachments) throw new Refusal('no_text')

  const auto = truthy(args.link_names) || args.parse === 'full'
  const inText = given === undefined ? [] : mentionsIn(given, workspace, auto)
  const inBlocks = mentionsInBlocks(blocks ?? [], workspace)
  const inAttachments = [
    ...mentionsInBlocks(attached, workspace),
    ...(attachments ?? []).flatMap(({ text, pretext }) =>
      mentionsIn(`${string(text) ?? ''} ${string(pretext) ?? ''}`, workspace),
    ),
  ]
  const newId = (): string => workspace.newId('b').slice(0, 6)
  return {
    text: given === undefined ? undefined : normalize(given, workspace),
    blocks: blocks && fillIds(blocks, newId),
    attachments: attachments?.map((attachment) =>
      attachment.blocks ? { ...attachment, blocks: fillIds(objects(attachment.blocks), newId) } : attachment,
    ),
    metadata,
    mentions: [...new Set([...inText, ...inBlocks, ...inAttachments])],
    // With blocks the text is but a fallback for notifications: it is the blocks that people are named in.
    pings: [...new Set(blocks?.length ? inBlocks : inText)],
  }
}
