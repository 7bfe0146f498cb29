import { bytes, type HealthState, type Tone } from '@homelab/core'
import type { Glance } from '../types.ts'
import { meter } from './bar.ts'
import { hidden, type ViewContext } from './card.ts'
import { type Html, html, prose } from './html.ts'
import { icon, toned } from './tone.ts'

const states: Record<HealthState, { readonly tone: Tone; readonly word: string }> = {
  up: { tone: 'ok', word: 'Up' },
  degraded: { tone: 'warning', word: 'Degraded' },
  down: { tone: 'error', word: 'Down' },
  unknown: { tone: 'warning', word: 'Unknown' },
  none: { tone: 'neutral', word: 'No check' },
}

type Service = Glance['services'][number]

export interface GlanceState {
  readonly glance?: Glance
  /** Why it could not be looked at just now. */
  readonly problem?: { readonly message: string; readonly hint?: string }
}

/** What is wrong, in one line; on a phone it stands for the whole panel, which is far below. */
export function glanceLine({ glance, problem }: GlanceState): Html {
  if (problem !== undefined) return toned(problem.message, 'error')
  if (glance === undefined) return html`<span class="dim">Looking at the lab…</span>`
  const { problems, services } = glance
  const [first] = problems
  if (first === undefined) {
    const up = services.filter(
      ({ health, guest }) => health === 'up' || (health === 'none' && guest === 'running'),
    )
    return toned(`All is well: ${up.length} of ${services.length} services up`, 'ok')
  }
  const tone = problems.some(({ severity }) => severity === 'error') ? 'error' : 'warning'
  const more = problems.length === 1 ? '' : html` <span class="dim">and ${problems.length - 1} more</span>`
  return html`${toned(`${first.what}: ${first.text}`, tone)}${more}`
}

export function glanceView({ glance, problem }: GlanceState, context: ViewContext): Html {
  const failed =
    problem === undefined
      ? ''
      : html`<p class="notice">${icon('error')}<span>${problem.message} <span class="dim">${prose(problem.hint ?? '')}${glance === undefined ? '' : ' What follows is from before.'}</span></span></p>`
  if (glance === undefined)
    return problem === undefined ? html`<p class="dim">Looking at the lab…</p>` : html`${failed}`
  return html`${failed}${problemsView(glance)}
  <section class="panel"><h3>In use</h3>${glance.storages.map(storageView)}${glance.nodes.map((node) => nodeView(node, glance.nodes.length > 1))}</section>
  <section class="panel"><h3>Services</h3>${stacksOf(glance).map(
    ([stack, services]) =>
      html`${stack === '' ? '' : html`<h4 class="stack">${stack}</h4>`}<ul class="services">${services.map((service) => serviceView(service, context))}</ul>`,
  )}</section>`
}

const problemsView = ({ problems }: Glance): Html | string =>
  problems.length === 0
    ? ''
    : html`<section class="panel problems"><h3>Needs a look</h3><ul>${problems
        .slice(0, 12)
        .map(
          ({ severity, what, text, command }) =>
            html`<li>${icon(severity)}<span><span class="sr">${severity}: </span><strong>${what}</strong> ${text}</span>${command === undefined ? '' : typeLink(command, verbOf(command))}</li>`,
        )}</ul>${problems.length > 12 ? html`<p class="dim">and ${problems.length - 12} more</p>` : ''}</section>`

/** `storage show Apollo` → `Show` */
function verbOf(command: string): string {
  const words = command.split(' ')
  const verb = words.at(-2) ?? command
  return verb.charAt(0).toUpperCase() + verb.slice(1)
}

const storageView = ({ name, used, total, warn, crit, problems }: Glance['storages'][number]): Html => {
  const [worst] = problems
  const measured = used !== undefined && total !== undefined && total > 0
  return meter(name, {
    share: measured ? used / total : undefined,
    warn,
    crit,
    detail: measured ? `of ${bytes(total)}` : '',
    ...(worst === undefined ? {} : { problem: { tone: worst.severity, text: worst.text } }),
  })
}

// A busy processor is no fault: only memory that runs out is.
const nodeView = ({ node, status, cpu, mem, maxmem }: Glance['nodes'][number], named: boolean): Html =>
  status === 'online'
    ? html`${meter(named ? `${node} CPU` : 'CPU', { share: cpu, warn: 101, crit: 101, detail: 'busy' })}${meter(named ? `${node} RAM` : 'Memory', { share: maxmem > 0 ? mem / maxmem : undefined, warn: 90, crit: 97, detail: `of ${bytes(maxmem)}` })}`
    : html`<p class="meter-word tone-error">${icon('error')}${node} is ${status}</p>`

function stacksOf({ services }: Glance): [string, Service[]][] {
  const stacks = new Map<string, Service[]>()
  for (const service of services) stacks.set(service.stack, [...(stacks.get(service.stack) ?? []), service])
  return [...stacks]
}

function stateOf({ health, guest }: Service): { readonly tone: Tone; readonly word: string } {
  if (guest === 'running') return health === 'none' ? { tone: 'ok', word: 'Running' } : states[health]
  return { tone: 'error', word: guest.charAt(0).toUpperCase() + guest.slice(1) }
}

function serviceView(service: Service, { csrf }: ViewContext): Html {
  const { name, detail, guest } = service
  const { tone, word } = stateOf(service)
  const verb = guest === 'stopped' ? 'start' : 'restart'
  return html`<li data-key="${name}">
    ${icon(tone)}<span class="service-name">${name}</span>
    <span class="service-state tone-${tone}" title="${detail}">${word}</span>
    <form method="post" action="/console/commands" data-send>${hidden(csrf)}<input type="hidden" name="text" value="logs ${quoteWord(name)}"><button class="quiet" aria-label="Logs of ${name}">Logs</button></form>
    ${typeLink(`${verb} ${quoteWord(name)}`, verb === 'start' ? 'Start' : 'Restart')}
  </li>`
}

// A restart is one slip of the thumb away in a list: it is typed, and Enter does it. Reading is harmless.
const typeLink = (command: string, label: string): Html =>
  html`<a class="quiet" href="/?text=${encodeURIComponent(command)}" data-type="${command}" title="Type “${command}”">${label}</a>`

const quoteWord = (word: string): string => (/^[\w.@-]+$/.test(word) ? word : JSON.stringify(word))
