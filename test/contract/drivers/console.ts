/** The console's cards, read as a browser reads them. */
import type { ButtonAction } from '@homelab/core'
import { cardView } from '../../../bot/src/console/view/card.ts'
import { render } from '../../../bot/src/console/view/html.ts'
import { checks, type Driver } from './driver.ts'

interface Tag {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly closes: boolean
}

type Token = Tag | string

const empty = new Set(['input', 'img', 'path', 'rect', 'circle', 'br'])
const block = /^(article|div|p|h\d|li|tr|td|th|dt|dd|section|form|button|a|pre|table|ul|dl)$/
const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

const decoded = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name] ?? '')

function tokensOf(html: string): readonly Token[] {
  const tokens: Token[] = []
  const tag = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w-]+(?:\s*=\s*"[^"]*")?|\s)*)\s*(\/?)>/y
  for (let at = 0; at < html.length; ) {
    if (html[at] !== '<') {
      const next = html.indexOf('<', at)
      const end = next < 0 ? html.length : next
      tokens.push(decoded(html.slice(at, end)))
      at = end
      continue
    }
    tag.lastIndex = at
    const found = tag.exec(html)
    if (found === null) throw new Error(`no tag: ${html.slice(at, at + 80)}`)
    const [whole, slash, name = '', rest = '', closed] = found
    const attributes = new Map<string, string>()
    for (const [, key = '', value = ''] of rest.matchAll(/([\w-]+)(?:\s*=\s*"([^"]*)")?/g))
      attributes.set(key, decoded(value))
    tokens.push({ name: name.toLowerCase(), attributes, closes: slash === '/' })
    if (closed === '/') tokens.push({ name: name.toLowerCase(), attributes: new Map(), closes: true })
    at += whole.length
  }
  return tokens
}

const actionOf = (json: string | undefined): ButtonAction | undefined =>
  json === undefined ? undefined : (JSON.parse(json) as ButtonAction)

export const consoleDriver: Driver = {
  name: 'console',
  render(posted, now) {
    const html = render(cardView(posted, { now, csrf: 'proof' }))
    const check = checks()
    const open: string[] = []
    const parts: string[] = []
    const buttons: { label: string; action: ButtonAction }[] = []
    let action: ButtonAction | undefined
    let label: string | undefined
    for (const token of tokensOf(html)) {
      if (typeof token === 'string') {
        if (label !== undefined) label += token
        else parts.push(token)
        continue
      }
      const { name, attributes, closes } = token
      if (block.test(name)) parts.push('\n')
      check.rule(`no ${name} from a card`, !/^(script|style|iframe|object|embed|link|base|meta)$/.test(name))
      for (const key of attributes.keys()) check.rule(`no handler ${key}`, !key.startsWith('on'))
      if (closes) {
        if (!empty.has(name)) check.rule(`${name} closed in order`, open.pop() === name)
        if ((name === 'button' || name === 'a') && label !== undefined) {
          if (action !== undefined) buttons.push({ label: label.trim(), action })
          label = undefined
          action = undefined
        }
        continue
      }
      if (!empty.has(name)) open.push(name)
      if (attributes.get('name') === 'action') action = actionOf(attributes.get('value'))
      if (name === 'button') label = ''
      if (name === 'a' && /\bbutton\b/.test(attributes.get('class') ?? '')) {
        label = ''
        const text = new URL(attributes.get('href') ?? '', 'http://console').searchParams.get('text') ?? ''
        action = { kind: 'form', text }
      }
      const alt = attributes.get('alt')
      if (alt !== undefined) parts.push(alt)
    }
    check.rule('every tag closed', open.length === 0)
    return {
      violations: check.violations,
      text: parts.join(''),
      buttons,
      files: (posted.card.attachments ?? []).map(({ name, text }) => ({ name, text })),
      pings: [],
      pieces: [html],
    }
  },
}
