/** Discord's Markdown as its client shows it: what is left to read, and whom it names. Written from its documentation. */

interface Rule {
  readonly pattern: RegExp
  readonly show: (match: RegExpExecArray) => string
}

/** Stands for what is not text any more: a mention, a custom emoji, a time. */
export const turned = '\u{1F533}'

const inner = (index: number) => (match: RegExpExecArray) => markdownText(match[index] ?? '', false)

const anywhere: readonly Rule[] = [
  { pattern: /```(?:[a-z0-9_+\-.#]+?\n)?\n*([\s\S]*?)\n*```/iy, show: (match) => `\n${match[1] ?? ''}\n` },
  { pattern: /\\([^0-9A-Za-z\s])/y, show: (match) => match[1] ?? '' },
  { pattern: /(`+)([\s\S]*?[^`])\1(?!`)/y, show: (match) => match[2] ?? '' },
  {
    pattern: /<(?:@[!&]?|#)\d+>|<a?:\w+:\d+>|<t:-?\d+(?::[tTdDfFR])?>|<\/[^>]+:\d+>|<id:\w+>/y,
    show: () => turned,
  },
  { pattern: /@(?:everyone|here)\b/y, show: ([text]) => text },
  {
    pattern: /\[((?:\[[^\]]*\]|[^[\]]|\](?=[^[]*\]))*)\]\(\s*<?((?:https?|discord):\/\/[^)\s>]+)>?[^)]*\)/y,
    show: inner(1),
  },
  { pattern: /<((?:https?|discord):\/\/[^\s>]+)>/y, show: (match) => match[1] ?? '' },
  { pattern: /https?:\/\/[^\s<]+[^<.,:;"')\]\s]/y, show: ([text]) => text },
  { pattern: /\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)/y, show: inner(1) },
  { pattern: /__((?:\\[\s\S]|[^\\])+?)__(?!_)/y, show: inner(1) },
  { pattern: /~~((?:\\[\s\S]|[^\\])+?)~~/y, show: inner(1) },
  { pattern: /\|\|((?:\\[\s\S]|[^\\])+?)\|\|/y, show: inner(1) },
  { pattern: /\*(?=\S)((?:\\[\s\S]|[^\\*])+?)(?<=\S)\*(?!\*)/y, show: inner(1) },
  { pattern: /\b_((?:\\[\s\S]|[^\\_])+?)_\b/y, show: inner(1) },
  // The client knows a few thousand names; these stand for them.
  { pattern: /:(?:smile|heart|fire|tada|warning|white_check_mark):/y, show: () => turned },
]

const atLineStart: readonly Rule[] = [
  { pattern: /(?:-#|#{1,3}) +(?=\S)/y, show: () => '' },
  { pattern: />>> |> /y, show: () => '' },
  { pattern: /[ \t]*[-*] +(?=\S)/y, show: () => '• ' },
]

export function markdownText(source: string, lines = true): string {
  let text = ''
  for (let at = 0; at < source.length; ) {
    const starts = lines && (at === 0 || source[at - 1] === '\n')
    const found = firstMatch(starts ? [...atLineStart, ...anywhere] : anywhere, source, at)
    if (found === undefined) {
      const [char = ''] = source.slice(at, at + 2)
      text += char
      at += char.length
    } else {
      text += found.rule.show(found.match)
      at += found.match[0].length
    }
  }
  return text
}

function firstMatch(rules: readonly Rule[], source: string, at: number) {
  // Most characters begin nothing.
  if (rules === anywhere && !/[`\\<@[h*_~|:]/.test(source[at] ?? '')) return undefined
  for (const rule of rules) {
    rule.pattern.lastIndex = at
    const match = rule.pattern.exec(source)
    if (match !== null) return { rule, match }
  }
  return undefined
}

/** Whom the text of a message names; embeds notify nobody. */
export const mentionsIn = (content: string): readonly string[] =>
  [...content.matchAll(/<@[!&]?\d+>|@everyone|@here/g)].map(([mention]) => mention)
