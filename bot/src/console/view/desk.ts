import type { Posted } from '../../chat/types.ts'
import { cardView, hidden, type ViewContext } from './card.ts'
import { type GlanceState, glanceLine, glanceView } from './glance.ts'
import { type Html, html } from './html.ts'

export interface DeskPage {
  /** Newest first. */
  readonly cards: readonly Posted[]
  readonly glance: GlanceState
  /** What the box holds at first. */
  readonly text: string
  readonly examples: readonly string[]
}

export function deskView({ cards, glance, text, examples }: DeskPage, context: ViewContext): Html {
  return html`<div class="desk">
  <div class="work">
    <h1 class="sr">Desk</h1>
    <form method="post" action="/console/commands" id="command" class="command" data-send autocomplete="off">
      ${hidden(context.csrf)}
      <label for="line" class="sr">Command</label>
      <div class="command-box">
        <span class="prompt" aria-hidden="true">›</span>
        <input id="line" name="text" value="${text}" placeholder="restart plex" required ${text === '' ? '' : html`autofocus`}
          spellcheck="false" autocapitalize="none" autocomplete="off" enterkeyhint="go"
          role="combobox" aria-expanded="false" aria-controls="choices" aria-autocomplete="list" aria-describedby="command-help">
        <button class="button button-primary">Run</button>
      </div>
      <ul id="choices" role="listbox" aria-label="Completions" hidden></ul>
      <p id="command-help" class="keys"><span><kbd>Tab</kbd> completes</span> <span><kbd>↑</kbd> earlier commands</span> <span><a href="/help">all commands</a></span></p>
      <p id="command-error" class="notice" role="alert" hidden></p>
    </form>
    <p class="glance-line"><a href="#glance"><span id="glance-line">${glanceLine(glance)}</span></a></p>
    <div id="cards">${cards.map((card) => cardView(card, context))}</div>
    <div id="empty" class="empty" ${cards.length === 0 ? '' : html`hidden`}>
      <h2>What shall be done?</h2>
      <p>Type a command above, or begin with one of these.</p>
      <p class="examples">${examples.map(
        (example) =>
          html`<a class="chip" href="/?text=${encodeURIComponent(example)}" data-type="${example}">${example}</a>`,
      )}</p>
    </div>
  </div>
  <aside class="glance" aria-labelledby="glance">
    <h2 id="glance" tabindex="-1">The lab at a glance</h2>
    <div id="glance-body">${glanceView(glance, context)}</div>
  </aside>
</div>`
}
