/** New lines of a log as messages of a thread. */
import type { DiscordFile } from './files.ts'
import { limits } from './limits.ts'
import { clean, codeBlock } from './text.ts'

export interface LogMessage {
  readonly content?: string
  readonly file?: DiscordFile
}

/** More messages than this would push everything else off the screen. */
const mostMessages = 3
const room = limits.content - codeBlock('').length

export function logMessages(lines: readonly string[], from: number): readonly LogMessage[] {
  const cleaned = lines.map((line) => clean(line).replaceAll('``', '`\u200B`'))
  const blocks: string[] = []
  let block = ''
  for (const line of cleaned) {
    const longer = block === '' ? line : `${block}\n${line}`
    if (longer.length > room && block !== '') {
      blocks.push(block)
      block = line
    } else block = longer
  }
  if (block.trim() !== '') blocks.push(block)
  if (blocks.length <= mostMessages && blocks.every((text) => text.length <= room))
    return blocks.map((text) => ({ content: codeBlock(text) }))
  const name = `log-${from + 1}-${from + lines.length}.txt`
  return [
    { content: `Lines ${from + 1} to ${from + lines.length}`, file: { name, data: `${lines.join('\n')}\n` } },
  ]
}
