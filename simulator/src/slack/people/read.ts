/** Channels, threads and views as one person sees them. */
import type { Json } from '../json.ts'
import { objects, string } from '../json.ts'
import { readable, readableBlocks } from '../markup.ts'
import { repliesOf } from '../messages.ts'
import type { Slack } from '../slack.ts'
import type { View } from '../views.ts'
import type { Message } from '../workspace.ts'
import { blocksOf, usableIn } from './find.ts'
import { person, place } from './person.ts'

const actions = (blocks: readonly Json[]): readonly Json[] =>
  usableIn(blocks).map(({ block, element, label }) => ({
    label,
    type: element.type,
    actionId: element.action_id,
    blockId: block.block_id,
    value: element.value,
    style: element.style,
    options: objects(element.options).map((option) => string(objects([option.text])[0]?.text) ?? ''),
  }))

function messageView(slack: Slack, message: Message): Json {
  const { workspace, files } = slack
  const attached = message.attachments.flatMap(({ pretext, title, text, blocks }) => [
    ...[pretext, title, text].flatMap((part) => (string(part) ? [readable(String(part), workspace)] : [])),
    readableBlocks(objects(blocks), workspace),
  ])
  const body =
    message.blocks.length > 0
      ? readableBlocks(message.blocks, workspace)
      : // Attachments with blocks stand beside the text, they do not replace it.
        readable(message.text, workspace)
  return {
    ts: message.ts,
    channel: message.channel,
    from: workspace.users.get(message.user)?.name ?? message.user,
    byBot: message.user === workspace.bot.id,
    text: message.text,
    visible: [body, ...attached].filter((part) => part !== '').join('\n'),
    blocks: message.blocks,
    attachments: message.attachments,
    color: string(message.attachments[0]?.color),
    actions: actions(blocksOf(message)),
    files: message.files.flatMap((id) => {
      const file = files.get(id)
      return file
        ? [
            {
              id,
              name: file.name,
              title: file.title,
              size: file.content?.length,
              content: file.content?.toString(),
            },
          ]
        : []
    }),
    ephemeral: message.only !== undefined,
    edited: message.edits > 0,
    edits: message.edits,
    threadTs: message.threadTs,
    broadcast: message.broadcast,
    replies: repliesOf(slack, message).length,
    reactions: message.reactions.map(({ name }) => name),
    metadata: message.metadata,
    pings: message.pings,
    mentions: message.mentions,
    permalink: workspace.permalink(message),
  }
}

/** `{ channel, as?, thread? }`, oldest first. Without `as` all is seen, what is for one person alone too. */
export function read(slack: Slack, asked: Json): readonly Json[] {
  const as = string(asked.as)
  const user = as === undefined ? undefined : person(slack, as)
  const channel = place(slack, String(asked.channel), user)
  const thread = string(asked.thread)
  return channel.messages
    .filter(({ only }) => user === undefined || only === undefined || only === user.id)
    .filter(({ ts, threadTs, broadcast }) =>
      thread === undefined ? threadTs === undefined || broadcast : ts === thread || threadTs === thread,
    )
    .map((message) => messageView(slack, message))
}

function viewView(slack: Slack, view: View | undefined): Json | undefined {
  if (!view) return undefined
  const blocks = objects(view.body.blocks)
  return {
    ...slack.views.json(view),
    visible: readableBlocks(blocks, slack.workspace),
    actions: actions(blocks),
  }
}

/** What a person has open: their home, and their modals, the lowest first. */
export function openViews(slack: Slack, name: string): Json {
  const user = person(slack, name)
  return {
    home: viewView(slack, slack.views.home(user.id)),
    modals: slack.views.stack(user.id).map((view) => viewView(slack, view)),
  }
}
