/** What people typed, as they meant it: Slack sends names, links and signs in a form of its own. */

/**
 * `<@U123|anna>` → `slack:U123`, which is how people are named in commands; channels, links and groups → what one sees.
 * @param bot its own mention, at the beginning, is no part of the command
 */
export function typedText(raw: string, bot?: string): string {
  const text = bot === undefined ? raw : raw.replace(new RegExp(`^\\s*<@${bot}(\\|[^>]*)?>[\\s,:]*`), '')
  const plain = text
    .replace(/<([^<>]*)>/g, (whole, inside: string) => meant(inside) ?? whole)
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
    .trim()
  // Typed as code, so that the phone leaves it alone.
  const [, code] = /^`{1,3}([^`]+)`{1,3}$/.exec(plain) ?? []
  return (code ?? plain).trim()
}

function meant(inside: string): string | undefined {
  const bar = inside.indexOf('|')
  const target = bar < 0 ? inside : inside.slice(0, bar)
  const label = bar < 0 ? '' : inside.slice(bar + 1)
  if (/^@[UW]/.test(target)) return `slack:${target.slice(1)}`
  if (target.startsWith('#')) return label === '' ? target.slice(1) : label
  if (target.startsWith('!subteam^')) return label === '' ? target.slice('!subteam^'.length) : label
  if (target.startsWith('!date^')) return label
  if (target.startsWith('!')) return label === '' ? `@${target.slice(1)}` : label
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return label === '' ? target.replace(/^mailto:/, '') : label
  return undefined
}
