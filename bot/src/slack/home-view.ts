/** The home page: the lab at a glance, and buttons for what one comes for. Pure. */
import {
  bytes,
  type Caller,
  type HealthState,
  type Operation,
  percent,
  quoteWord,
  type Tone,
} from '@homelab/core'
import type { Button, HomeView, KnownBlock, PlainTextElement, PlainTextOption } from '@slack/types'
import type { Glance } from '../console/types.ts'
import { maxLabel, maxOptions } from './limits.ts'
import { paragraph, plain, richText, signs } from './sections.ts'
import { cut, more, oneLine, shown } from './text.ts'

export const homeAction = 'home.'
export const homeService = 'home.service'

export interface HomeState {
  readonly lab: string
  readonly caller: Caller
  /** Absent for who may not see it, or when it could not be looked at. */
  readonly glance?: Glance
  readonly problem?: string
  /** Commands for buttons, those that this caller is offered. */
  readonly commands: readonly { readonly label: string; readonly text: string }[]
  /** Operations on a service that this caller is offered. */
  readonly operations: readonly Operation[]
  /** The service that was picked. */
  readonly chosen?: string
  readonly now: Date
}

const mostProblems = 12
const mostStacks = 25
const mostServices = 40

const states: Record<HealthState, { readonly tone: Tone; readonly word: string }> = {
  up: { tone: 'ok', word: 'up' },
  degraded: { tone: 'warning', word: 'degraded' },
  down: { tone: 'error', word: 'down' },
  unknown: { tone: 'warning', word: 'unknown' },
  none: { tone: 'neutral', word: 'not checked' },
}

const plainText = (text: string): PlainTextElement => ({ type: 'plain_text', text, emoji: false })
const label = (text: string): PlainTextElement => plainText(cut(shown(oneLine(text)), maxLabel))

export function homeView(state: HomeState): HomeView {
  const { glance, problem, chosen } = state
  const blocks: KnownBlock[] = [{ type: 'header', text: plainText(cut(shown(state.lab), 150)) }]
  if (state.commands.length > 0) blocks.push(commandButtons(state))
  if (problem !== undefined)
    blocks.push(richText(paragraph(plain(`${signs.error} ${cut(shown(problem), 1_000)}`))))
  if (glance !== undefined) blocks.push(...glanceBlocks(glance), ...serviceMenu(state, glance))
  blocks.push({ type: 'context', elements: [plainText(whoLine(state))] })
  return { type: 'home', private_metadata: JSON.stringify({ chosen: chosen ?? null }), blocks }
}

function whoLine({ caller, now }: HomeState): string {
  const who = `You are ${oneLine(shown(caller.name))}, ${caller.id}, ${caller.role}.`
  const how =
    caller.role === 'nobody'
      ? ' An admin can let you in: your id goes under `people` in homelab.yaml.'
      : ` Looked at ${now.toISOString().slice(11, 16)} UTC; open this page again to look anew.`
  return cut(who + how, 500)
}

const commandButtons = ({ commands }: HomeState): KnownBlock => ({
  type: 'actions',
  block_id: 'commands',
  elements: commands.map(({ label: name, text }, index) => ({
    type: 'button',
    action_id: `${homeAction}command.${index}`,
    text: label(name),
    value: text,
  })),
})

function glanceBlocks({ nodes, storages, services, problems }: Glance): readonly KnownBlock[] {
  const lines = [
    ...nodes.map(({ node, status, cpu, mem, maxmem }) =>
      status === 'online'
        ? `${node}: CPU ${percent(cpu)}, memory ${percent(mem / maxmem)} of ${bytes(maxmem)}`
        : `${signs.error} ${node} is ${status}`,
    ),
    ...storages.map(({ name, used, total, problems: [worst] }) => {
      const full =
        used === undefined || total === undefined || total <= 0
          ? 'not measured'
          : `${percent(used / total)} of ${bytes(total)}`
      return `${worst === undefined ? '' : `${signs[worst.severity]} `}${name}: ${full}${worst === undefined ? '' : ` · ${worst.text}`}`
    }),
  ]
  return [
    ...problems.slice(0, mostProblems).map(problemBlock),
    ...(problems.length > mostProblems
      ? [richText(paragraph(plain(more(problems.length - mostProblems))))]
      : []),
    listed('In use', lines),
    ...stackBlocks(services),
  ]
}

function problemBlock(
  { severity, what, text, command }: Glance['problems'][number],
  index: number,
): KnownBlock {
  const said = plainText(cut(shown(oneLine(`${signs[severity]} ${what}: ${text}`)), 500))
  if (command === undefined) return { type: 'section', text: said }
  const button: Button = {
    type: 'button',
    action_id: `${homeAction}problem.${index}`,
    text: label(command),
    value: cut(command, 2_000),
  }
  return { type: 'section', text: said, accessory: button }
}

function stackBlocks(services: Glance['services']): readonly KnownBlock[] {
  const stacks = Map.groupBy(services, ({ stack }) => stack)
  const some = [...stacks].slice(0, mostStacks)
  const gone = stacks.size - some.length
  return [
    ...some.map(([stack, all]) => listed(stack === '' ? 'Services' : stack, all.map(serviceLine))),
    ...(gone === 0 ? [] : [richText(paragraph(plain(more(gone, 'stacks'))))]),
  ]
}

function serviceLine({ name, guest, health, detail }: Glance['services'][number]): string {
  const { tone, word } =
    guest === 'running'
      ? health === 'none'
        ? { tone: 'ok' as const, word: 'running' }
        : states[health]
      : { tone: 'error' as const, word: guest }
  const why = tone === 'ok' || detail === '' ? '' : ` · ${detail}`
  return `${signs[tone]} ${name} ${word}${why}`
}

function listed(title: string, lines: readonly string[]): KnownBlock {
  const some = lines.slice(0, mostServices).map((line) => cut(shown(oneLine(line)), 200))
  if (lines.length > some.length) some.push(more(lines.length - some.length))
  return richText(
    paragraph(plain(cut(shown(oneLine(title)), 100), { bold: true })),
    ...(some.length === 0
      ? []
      : [
          {
            type: 'rich_text_list' as const,
            style: 'bullet' as const,
            elements: some.map((line) => paragraph(plain(line))),
          },
        ]),
  )
}

function serviceMenu({ operations, chosen }: HomeState, { services }: Glance): readonly KnownBlock[] {
  if (operations.length === 0 || services.length === 0) return []
  const options: PlainTextOption[] = services
    .filter(({ name }) => name.length <= maxLabel)
    .slice(0, maxOptions)
    .map(({ name }) => ({ text: label(name), value: name }))
  const picked = options.find(({ value }) => value === chosen)
  return [
    {
      type: 'actions',
      block_id: 'service',
      elements: [
        {
          type: 'static_select',
          action_id: homeService,
          placeholder: plainText('Do something with a service'),
          options,
          ...(picked === undefined ? {} : { initial_option: picked }),
        },
      ],
    },
    ...(picked?.value === undefined ? [] : [operationButtons(operations, picked.value)]),
  ]
}

const operationButtons = (operations: readonly Operation[], service: string): KnownBlock => ({
  type: 'actions',
  // Another id for each service: Slack keeps what it knows of a block by it.
  block_id: `do.${service}`,
  elements: operations.slice(0, 25).map((operation, index) => ({
    type: 'button',
    action_id: `${homeAction}do.${index}`,
    text: label(`${operation.chat.charAt(0).toUpperCase()}${operation.chat.slice(1)} ${service}`),
    value: `${operation.chat} ${quoteWord(service)}`,
    // On a phone a thumb slips.
    ...(operation.risk === 'read' ? {} : { confirm: confirmation(operation, service) }),
  })),
})

const confirmation = (operation: Operation, service: string) => ({
  title: plainText(cut(operation.title, 100)),
  text: plainText(cut(`${operation.chat} ${service}?`, 300)),
  confirm: plainText('Yes'),
  deny: plainText('No'),
})
