/** Files beside a card, each once: Slack takes the same file as often as it is sent. */
import type { WebClient } from '@slack/web-api'
import type { Posted } from '../chat/types.ts'
import { lookFor, type Target } from './looking.ts'
import { remember } from './remember.ts'
import type { SlackFile } from './render.ts'
import { type Trouble, troubleOf } from './trouble.ts'

export interface Files {
  /** @throws what is worth another try; what Slack refuses for good is told as a trouble */
  once(posted: Posted, file: SlackFile, target: Target): Promise<void>
}

export function createFiles(
  client: WebClient,
  startedAt: Date,
  onTrouble: (trouble: Trouble, what: string) => void,
): Files {
  /** Those whose answer was lost. */
  const unclear = new Set<string>()

  return {
    async once(posted, { name, data, alt }, target) {
      // Slack takes no empty file.
      const file = Buffer.from(data.length === 0 ? '\n' : data)
      const key = `${posted.id}/${name}/${file.length}`
      // For older cards the process before this one may have sent it.
      const before = Date.parse(posted.at) < startedAt.getTime()
      const isIt = (size: number | undefined) => size === undefined || size === file.length
      try {
        if (before || unclear.has(key)) {
          const found = await lookFor(
            client,
            target,
            posted.at,
            ({ files = [] }) => files.some((each) => each.name === name && isIt(each.size)),
            onTrouble,
          )
          if (found !== undefined) return
        }
        const { channel, thread } = target
        const share = {
          channel_id: channel,
          file,
          filename: name,
          title: name,
          ...(alt === undefined ? {} : { alt_text: alt }),
        }
        await client.filesUploadV2(thread === undefined ? share : { ...share, thread_ts: thread })
        unclear.delete(key)
      } catch (error) {
        const trouble = troubleOf(error)
        if (trouble.unclear === true) remember(unclear, key)
        if (trouble.kind === 'wait' || trouble.kind === 'again' || trouble.kind === 'token') throw error
        onTrouble(trouble, 'attaching a file')
      }
    },
  }
}
