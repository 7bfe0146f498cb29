import { duration, type RunLogLine, type RunState, type RunView, type Tone } from '@homelab/core'
import { progressView } from './bar.ts'
import { hidden, type ViewContext } from './card.ts'
import { type Html, html, prose, time } from './html.ts'
import { icon, toned } from './tone.ts'

const tones: Record<RunState, Tone> = {
  queued: 'neutral',
  waiting: 'warning',
  running: 'busy',
  cancelling: 'busy',
  succeeded: 'ok',
  failed: 'error',
  cancelled: 'warning',
}

/** Whether it can still change. */
export const goesOn = (run: RunView): boolean => run.finishedAt === undefined && !ended.has(run.state)
const ended = new Set<RunState>(['succeeded', 'failed', 'cancelled'])

const took = ({ startedAt, finishedAt }: RunView, now: Date): string =>
  startedAt === undefined
    ? '–'
    : duration(
        Math.max(
          0,
          (finishedAt === undefined ? now.getTime() : Date.parse(finishedAt)) - Date.parse(startedAt),
        ),
      )

export const runsView = (runs: readonly RunView[], context: ViewContext): Html =>
  html`<div class="wide"><h1>Runs</h1><div id="runs">${runsTable(runs, context)}</div></div>`

export const runsTable = (runs: readonly RunView[], { now }: ViewContext): Html =>
  runs.length === 0
    ? html`<p class="dim">Nothing was run yet. Every change that is made here gets a line.</p>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Runs"><table class="runs">
    <thead><tr><th scope="col">Run</th><th scope="col">State</th><th scope="col">Who</th><th scope="col">When</th><th scope="col" class="num">Took</th></tr></thead>
    <tbody>${runs.map(
      (run) => html`<tr>
        <td><a href="/runs/${encodeURIComponent(run.id)}">${run.title}</a></td>
        <td>${tones[run.state] === 'neutral' ? run.state : toned(run.state, tones[run.state])}</td>
        <td>${run.caller.name}</td><td>${time(run.createdAt, now)}</td><td class="num">${took(run, now)}</td></tr>`,
    )}</tbody></table></div>`

export const runView = (run: RunView, log: readonly RunLogLine[], context: ViewContext): Html =>
  html`<div class="wide"><p class="crumb"><a href="/runs">Runs</a></p><div id="run">${runBody(run, log, context)}</div></div>`

export function runBody(run: RunView, log: readonly RunLogLine[], { now, csrf }: ViewContext): Html {
  const tone = tones[run.state]
  return html`<article class="card tone-${tone}">
    <div class="card-head">${icon(tone)}<h1>${run.title}</h1><span class="word">${run.state}</span></div>
    ${run.error === undefined ? '' : html`<p class="card-text">${prose(run.error.message)}${run.error.hint === undefined ? '' : html` <span class="dim">${prose(run.error.hint)}</span>`}</p>`}
    ${run.waitingFor === undefined || !goesOn(run) ? '' : html`<p class="card-text">Waits for <a href="/runs/${encodeURIComponent(run.waitingFor.run)}">another run</a>, which holds ${run.waitingFor.lock}.</p>`}
    ${run.progress === undefined || !goesOn(run) ? '' : progressView({ ...run.progress, ...(run.startedAt === undefined ? {} : { startedAt: run.startedAt }) }, now)}
    <section class="section section-fields"><dl>
      <div><dt>Asked by</dt><dd>${run.caller.name}</dd></div>
      <div><dt>When</dt><dd>${time(run.createdAt, now)}</dd></div>
      <div><dt>Took</dt><dd>${took(run, now)}</dd></div>
      <div><dt>Operation</dt><dd>${run.operation}</dd></div>
    </dl></section>
    <section class="section section-code"><h2>Log</h2>${
      log.length === 0
        ? html`<p class="dim">No lines yet.</p>`
        : html`<div class="code code-end" tabindex="0" role="region" aria-label="Log"><pre>${log.map(({ at, text }) => `${at.slice(11, 19)}  ${text}`).join('\n')}</pre></div>`
    }</section>
    ${
      goesOn(run)
        ? html`<div class="buttons"><form method="post" action="/runs/${encodeURIComponent(run.id)}/cancel">${hidden(csrf)}<button class="button button-danger" ${run.state === 'cancelling' ? html`disabled` : ''}>Cancel the run</button></form></div>`
        : ''
    }
    <p class="card-foot">run ${run.id}</p>
  </article>`
}
