import { createHash, randomUUID } from 'node:crypto'
import type { Button, ButtonAction, Card } from '@homelab/core'
import type { Posted } from '../../chat/types.ts'
import { progressView } from './bar.ts'
import { clip, type Html, html, keptInJson, prose, shown, time } from './html.ts'
import { sectionView } from './section.ts'
import { icon } from './tone.ts'

export interface ViewContext {
  readonly now: Date
  /** Of the session that looks at it. */
  readonly csrf: string
}

/** Changes with the card and with nothing else, so that a page can skip what it shows already. */
export const versionOf = (posted: Posted): string =>
  createHash('sha1').update(JSON.stringify(posted)).digest('base64url').slice(0, 12)

export const cardAnchor = (id: string): string => `card-${id}`

export function cardView(posted: Posted, context: ViewContext): Html {
  const { card, id } = posted
  const tone = posted.state === 'asking' ? 'warning' : card.tone
  const word = stateWord(posted)
  const said = clip(posted.command.trim(), 160)
  return shown(html`<article class="card tone-${tone}" id="${cardAnchor(id)}" data-key="${id}" data-at="${posted.at}" data-state="${posted.state}" data-version="${versionOf(posted)}" aria-labelledby="title-${id}" tabindex="-1">
  <div class="said">
    <a class="said-text" href="/?text=${encodeURIComponent(said.toWellFormed())}" data-type="${said}" title="Type it again: ${said}">${said}</a>
    <span class="by">${posted.caller.name} · ${time(posted.at, context.now)}</span>
  </div>
  <div class="card-head">${icon(tone)}<h3 id="title-${id}">${card.title}</h3>${word === '' ? '' : html`<span class="word">${word}</span>`}</div>
  ${card.text === undefined ? '' : html`<p class="card-text">${prose(card.text)}</p>`}
  ${(card.sections ?? []).map(sectionView)}
  ${card.picture === undefined ? '' : pictureView(card.picture)}
  ${card.progress === undefined || posted.state === 'done' ? '' : progressView(card.progress, context.now)}
  ${attachmentsView(id, card)}
  ${buttonsView(id, card.buttons ?? [], context)}
  ${choicesView(id, card.choices, context)}
  ${footView(posted)}
</article>`)
}

function footView({ card, run }: Posted): Html | string {
  if (card.footer === undefined && run === undefined) return ''
  const link = run === undefined ? '' : html`<a href="/runs/${encodeURIComponent(run)}">Its log</a>`
  return html`<p class="card-foot">${card.footer === undefined ? '' : html`<span>${card.footer}</span>`}${link}</p>`
}

function stateWord({ state, card, error }: Posted): string {
  if (state === 'asking') return 'Needs your answer'
  if (state === 'working') return 'Working'
  if (error === 'cancelled') return 'Cancelled'
  return { neutral: '', busy: 'Working', ok: 'Done', warning: 'Look at this', error: 'Failed' }[card.tone]
}

// As an image a drawing runs no script and loads nothing, whoever made it.
const pictureView = ({ alt, svg }: NonNullable<Card['picture']>): Html =>
  html`<img class="picture" alt="${alt}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}">`

const attachmentsView = (id: string, { attachments = [] }: Card): Html | string =>
  attachments.length === 0
    ? ''
    : html`<p class="attachments">${attachments.map(
        ({ name }, index) =>
          html`<a href="/console/cards/${encodeURIComponent(id)}/attachments/${index}" download="${name}">${name}</a>`,
      )}</p>`

const buttonsView = (id: string, buttons: readonly Button[], context: ViewContext): Html | string =>
  buttons.length === 0
    ? ''
    : html`<div class="buttons">${buttons.map((button) => buttonView(id, button, context))}</div>`

/** Here the form of an operation is the command line itself. */
function buttonView(id: string, { label, style, action }: Button, { csrf }: ViewContext): Html {
  const looks = `button${style === undefined ? '' : ` button-${style}`}`
  if (action.kind === 'form')
    return html`<a class="${looks}" href="/?text=${encodeURIComponent(action.text.toWellFormed())}" data-type="${action.text}">${label}</a>`
  if (action.kind === 'link')
    return html`<a class="${looks}" href="${action.url}" rel="noreferrer noopener" target="_blank">${label}</a>`
  return html`<form method="post" action="/console/cards/${encodeURIComponent(id)}/press" data-send>
    ${hidden(csrf)}<input type="hidden" name="action" value="${fieldOf(action)}">
    <button class="${looks}" data-key="${label}">${label}</button>
  </form>`
}

/** What a page does not show must still arrive: a name with such a character in it is pressed as it is. */
const fieldOf = (action: ButtonAction): string => keptInJson(JSON.stringify(action))

const choicesView = (id: string, choices: Card['choices'], context: ViewContext): Html | string =>
  choices === undefined || choices.options.length === 0
    ? ''
    : html`<section class="section section-choices"><h4>${choices.prompt}</h4><div class="buttons">${choices.options.map(
        ({ label, hint, action }) =>
          html`${buttonView(id, { label, action }, context)}${hint === undefined ? '' : html`<span class="dim">${hint}</span>`}`,
      )}</div></section>`

/** What each form carries: proof of the session, and a key that makes a second press the same command. */
export const hidden = (csrf: string): Html =>
  html`<input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="key" value="${randomUUID()}">`
