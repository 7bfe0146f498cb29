/** What the adapters make of a card, drawn roughly as Discord and Slack draw it: to be looked at, not measured. */
import type { DiscordMessage } from '../../../bot/src/discord/render.ts'
import type { SlackMessage } from '../../../bot/src/slack/render.ts'

const html = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** As much of Discord's markdown as our cards use. */
function markdown(text: string): string {
  const parts = text.split(/```\n?([\s\S]*?)```/)
  return parts
    .map((part, index) =>
      index % 2 === 1
        ? `<pre>${html(part.trimEnd())}</pre>`
        : html(part)
            .replaceAll(/^-# (.*)$/gm, '<small>$1</small>')
            .replaceAll(/\*\*([^*]+)\*\*/g, '<b>$1</b>')
            .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
            .replaceAll(/&lt;@(\d+)&gt;/g, '<span class="ping">@harmeet</span>')
            .replaceAll(/\\([^\w\s]|_)/g, '$1')
            .replaceAll('\n', '<br>'),
    )
    .join('')
}

const discordStyle = `
body{background:#313338;color:#dbdee1;font:16px/1.375 'gg sans','Noto Sans','DejaVu Sans',sans-serif;margin:0;padding:16px}
.embed{background:#2b2d31;border-left:4px solid;border-radius:4px;padding:12px 16px;max-width:488px}
.title{font-weight:600;color:#f2f3f5;margin-bottom:6px}.desc{font-size:14px;overflow-wrap:anywhere}
pre{background:#1e1f22;border:1px solid #232428;border-radius:4px;padding:7px;font-size:12.5px;overflow:hidden;margin:6px 0;white-space:pre-wrap}
code{background:#1e1f22;padding:1px 3px;border-radius:3px}.footer{font-size:12px;color:#b5bac1;margin-top:8px}
.row{margin-top:6px;display:flex;flex-wrap:wrap;gap:8px}.b{padding:6px 14px;border-radius:3px;font-size:14px;background:#4e5058;color:#fff}
.b1{background:#5865f2}.b4{background:#da373c}.ping{background:#3c4270;color:#c9cdfb;border-radius:3px;padding:0 2px}small{color:#949ba4}`

interface Component {
  readonly style?: number
  readonly label?: string
}

export function asDiscord(messages: readonly DiscordMessage[]): string {
  const body = messages.map(({ content, embeds, components }) => {
    const rows = components.map(
      (row) =>
        `<div class="row">${(row.components as readonly Component[])
          .map(
            ({ style, label }) =>
              `<span class="b b${style}">${html(label ?? '▾')}${style === 5 ? ' ↗' : ''}</span>`,
          )
          .join('')}</div>`,
    )
    const shown = embeds.map(
      ({ color = 0, title = '', description = '', footer }) =>
        `<div class="embed" style="border-color:#${color.toString(16).padStart(6, '0')}"><div class="title">${markdown(title)}</div>
<div class="desc">${markdown(description)}</div><div class="footer">${html(footer?.text ?? '')}</div></div>`,
    )
    return `<div style="margin-bottom:18px">${markdown(content ?? '')}${shown.join('')}${rows.join('')}</div>`
  })
  return `<style>${discordStyle}</style>${body.join('')}`
}

const slackStyle = `
body{background:#fff;color:#1d1c1d;font:15px/1.47 Lato,'Noto Sans','DejaVu Sans',sans-serif;margin:0;padding:16px}
h3{font-size:18px;margin:4px 0}table{border-collapse:collapse;margin:6px 0;max-width:600px}td{border:1px solid #ddd;padding:4px 8px;font-size:13px}
.row{display:flex;flex-wrap:wrap;gap:8px;margin:8px 0}.b{border:1px solid #bbb;border-radius:8px;padding:5px 12px;font-weight:700;font-size:14px}
.primary{background:#007a5a;color:#fff;border-color:#007a5a}.danger{background:#e01e5a;color:#fff}.context{font-size:12px;color:#616061}
.ping{background:#e8f5fa;color:#1264a3}pre{background:#f8f8f8;border:1px solid #ddd;border-radius:4px;padding:8px;font-size:12px;white-space:pre-wrap}`

type Part = Readonly<Record<string, unknown>>
const list = (value: unknown): readonly Part[] => (Array.isArray(value) ? (value as readonly Part[]) : [])
const textOf = (part: unknown): string => String((part as { text?: unknown } | undefined)?.text ?? '')

function rich(part: Part): string {
  if (part.type === 'text') {
    const { bold, code } = (part.style ?? {}) as { readonly bold?: boolean; readonly code?: boolean }
    const text = html(String(part.text)).replaceAll('\n', '<br>')
    return bold === true ? `<b>${text}</b>` : code === true ? `<code>${text}</code>` : text
  }
  const inner = list(part.elements).map(rich).join('')
  if (part.type === 'rich_text_preformatted') return `<pre>${inner}</pre>`
  if (part.type === 'rich_text_list')
    return `<ul>${list(part.elements)
      .map((each) => `<li>${rich(each)}</li>`)
      .join('')}</ul>`
  return `<div>${inner}</div>`
}

function block(part: Part): string {
  switch (part.type) {
    case 'header':
      return `<h3>${html(textOf(part.text))}</h3>`
    case 'rich_text':
      return list(part.elements).map(rich).join('')
    case 'section': {
      const fields = list(part.fields).map((each) => `<div>${html(textOf(each))}</div>`)
      return `<div>${html(textOf(part.text)).replaceAll(/&lt;@(\w+)&gt;/g, '<span class="ping">@harmeet</span>')}${fields.join('')}</div>`
    }
    case 'table':
      return `<table>${(part.rows as readonly (readonly Part[])[])
        .map(
          (row) =>
            `<tr>${row.map((cell) => `<td>${cell.type === 'raw_text' ? html(textOf(cell)) : rich(cell)}</td>`).join('')}</tr>`,
        )
        .join('')}</table>`
    case 'actions':
      return `<div class="row">${list(part.elements)
        .map(
          (each) =>
            `<span class="b ${String(each.style ?? '')}">${html(textOf(each.text))}${each.url === undefined ? '' : ' ↗'}</span>`,
        )
        .join('')}</div>`
    case 'context':
      return `<div class="context">${list(part.elements)
        .map((each) => html(textOf(each)))
        .join(' ')}</div>`
    default:
      return `<div>[${String(part.type)}]</div>`
  }
}

export const asSlack = (messages: readonly SlackMessage[]): string =>
  `<style>${slackStyle}</style>${messages
    .map(
      ({ blocks }) =>
        `<div style="margin-bottom:22px">${(blocks as unknown as readonly Part[]).map(block).join('')}</div>`,
    )
    .join('')}`
