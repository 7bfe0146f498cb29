import { checkContent, jsonArgument } from '../content.ts'
import type { StoredFile } from '../files.ts'
import type { Json } from '../json.ts'
import { objects, string } from '../json.ts'
import { post } from '../messages.ts'
import { Refusal } from '../refusal.ts'
import type { Slack } from '../slack.ts'
import { mayWrite, threadOf } from './chat.ts'
import type { Method } from './method.ts'
import { channelOf, need } from './method.ts'

const LARGEST_BYTES = 1024 ** 3

const fileJson = (slack: Slack, file: StoredFile): Json => ({
  id: file.id,
  name: file.name,
  title: file.title,
  size: file.content?.length ?? file.length,
  user: slack.workspace.bot.id,
  url_private: `${slack.origin}/files/${file.id}`,
  permalink: `https://${slack.workspace.domain}.slack.com/files/${file.id}`,
})

export const files: Readonly<Record<string, Method>> = {
  'files.getUploadURLExternal': {
    token: 'bot',
    tier: 4,
    scope: 'files:write',
    run: (args, slack) => {
      const length = Number(need(args, 'length'))
      if (!Number.isSafeInteger(length) || length < 1) throw new Refusal('invalid_arguments')
      if (length > LARGEST_BYTES) throw new Refusal('file_upload_size_restricted')
      const file = slack.files.announce(need(args, 'filename'), length)
      return { upload_url: `${slack.origin}/upload/${file.ticket}`, file_id: file.id }
    },
  },
  'files.completeUploadExternal': {
    token: 'bot',
    tier: 4,
    scope: 'files:write',
    run: (args, slack) => {
      const asked = objects(jsonArgument(args, 'files', 'invalid_arguments'))
      if (asked.length === 0) throw Refusal.of('invalid_arguments', ['missing required field: files'])
      const found = asked.map(({ id, title }) => {
        const file = slack.files.get(String(id))
        if (!file?.content) throw new Refusal('file_not_found')
        file.title = string(title) ?? file.title
        return file
      })
      if (string(args.channel_id) === undefined) return { files: found.map((file) => fileJson(slack, file)) }
      const channel = channelOf(slack, args, 'channel_id')
      mayWrite(slack, channel)
      const text = string(args.initial_comment)
      const content =
        text || args.blocks
          ? checkContent({ text, blocks: args.blocks }, slack.workspace, 'post')
          : {
              text: '',
              blocks: undefined,
              attachments: undefined,
              metadata: undefined,
              mentions: [],
              pings: [],
            }
      post(slack, channel, content, {
        user: slack.workspace.bot.id,
        threadTs: threadOf(channel, args),
        files: found.map(({ id }) => id),
      })
      for (const { id, name } of found)
        slack.journal.add({ kind: 'file', file: id, channel: channel.id, name })
      return { files: found.map((file) => fileJson(slack, file)) }
    },
  },
  'files.info': {
    token: 'bot',
    tier: 4,
    scope: 'files:read',
    run: (args, slack) => {
      const file = slack.files.get(need(args, 'file', 'file_not_found'))
      if (!file) throw new Refusal('file_not_found')
      return { file: fileJson(slack, file) }
    },
  },
}
