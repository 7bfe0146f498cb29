import type { Json } from '../json.ts'
import type { Checker } from './checker.ts'

/** Type of a part → the field that it must have. */
const PARTS: Readonly<Record<string, string>> = {
  text: 'text',
  link: 'url',
  user: 'user_id',
  usergroup: 'usergroup_id',
  channel: 'channel_id',
  team: 'team_id',
  emoji: 'name',
  broadcast: 'range',
  date: 'timestamp',
  color: 'value',
}

function checkParts(checker: Checker, parent: Json, path: string, allowed: readonly string[]): void {
  if (!checker.has(parent, path, 'elements')) return
  for (const [index, part] of checker.items(parent, path, 'elements', 10_000, 0).entries()) {
    const here = `${path}/elements/${index}`
    if (!checker.object(part, here)) continue
    const field = PARTS[String(part.type)]
    if (field === undefined || !allowed.includes(String(part.type)))
      checker.add(`${here}/type`, `unsupported type: ${String(part.type)}`)
    else if (checker.has(part, here, field) && part.type === 'text')
      checker.needText(part, here, 'text', 40_000)
    if (part.type === 'broadcast') checker.oneOf(part, here, 'range', ['here', 'channel', 'everyone'])
  }
}

const ALL = Object.keys(PARTS)

export function checkRichText(checker: Checker, block: Json, path: string): void {
  if (!checker.has(block, path, 'elements')) return
  for (const [index, part] of checker.items(block, path, 'elements', 1000, 0).entries()) {
    const here = `${path}/elements/${index}`
    if (!checker.object(part, here)) continue
    switch (part.type) {
      case 'rich_text_section':
      case 'rich_text_quote':
        checkParts(checker, part, here, ALL)
        break
      case 'rich_text_preformatted':
        checkParts(checker, part, here, ['text', 'link'])
        break
      case 'rich_text_list':
        if (checker.has(part, here, 'style')) checker.oneOf(part, here, 'style', ['bullet', 'ordered'])
        for (const [at, section] of checker.items(part, here, 'elements', 1000).entries()) {
          const there = `${here}/elements/${at}`
          if (!checker.object(section, there)) continue
          if (section.type === 'rich_text_section') checkParts(checker, section, there, ALL)
          else checker.add(`${there}/type`, `unsupported type: ${String(section.type)}`)
        }
        break
      default:
        checker.add(`${here}/type`, `unsupported type: ${String(part.type)}`)
    }
  }
}
