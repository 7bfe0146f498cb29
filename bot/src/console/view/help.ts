import { type Operation, usage } from '@homelab/core'
import { type Html, html } from './html.ts'

const risks = { read: 'Looks, changes nothing', change: 'Changes', destructive: 'Asks first' } as const

/** What this caller may do, what looks before what changes. */
export function helpView(operations: readonly Operation[]): Html {
  return html`<div class="wide"><h1>What you can do</h1>
  <p>Type a command on the desk. Add <code>--help</code> for its options, <code>--dry-run</code> to see what it would do. Several services at once: <code>restart radarr sonarr</code>, a whole stack: <code>restart @media</code>.</p>
  ${(['change', 'destructive', 'read'] as const).map((risk) => {
    const group = operations.filter((operation) => operation.risk === risk)
    return group.length === 0
      ? ''
      : html`<h2>${risks[risk]}</h2><dl class="help">${group.map(
          (
            operation,
          ) => html`<div><dt><a href="/?text=${encodeURIComponent(`${operation.chat} `)}"><code>${operation.chat}</code></a></dt>
          <dd>${operation.title}. <span class="dim">${operation.description}</span><code class="usage">${usage(operation)}</code></dd></div>`,
        )}</dl>`
  })}</div>`
}
