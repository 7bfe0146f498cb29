/** What holds for a card wherever it is shown: nothing is refused, lost in silence, misread, or used to ping. */
import { randomInt } from 'node:crypto'
import type { ButtonAction, Card, Cell, Section } from '@homelab/core'
import { describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { anyCard, corpus, everywhere, marked, now, odd, pinging, posted, random } from './cards.ts'
import { consoleDriver } from './drivers/console.ts'
import { discordDriver } from './drivers/discord.ts'
import type { Driver, Shown } from './drivers/driver.ts'
import { slackDriver } from './drivers/slack.ts'

const drivers: readonly Driver[] = [consoleDriver, discordDriver, slackDriver]
const generated = 2_000

/** As far as it can be read: what is invisible, piled up, or white makes no difference. */
const plain = (text: string): string => text.toWellFormed().replace(/[\p{C}\p{M}\s\ufffd]/gu, '')

/** Our texts quote what one can type in backticks, and those need not show. */
const unquoted = (text: string): string => plain(text.replaceAll('`', ''))

const cellText = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text)

function textsOf(section: Section): readonly string[] {
  switch (section.kind) {
    case 'text':
    case 'code':
      return [section.title ?? '', section.text]
    case 'list':
      return [section.title ?? '', ...section.items]
    case 'fields':
      return [section.title ?? '', ...section.fields.flatMap(({ name, value }) => [name, value])]
    case 'table':
      return [section.title ?? '', ...section.rows.flatMap((row) => row.map(cellText))]
  }
}

/** Every text of a card that a person should be able to read. */
const allTexts = ({ title, text, sections = [], footer }: Card): readonly string[] => [
  title,
  text ?? '',
  ...sections.flatMap(textsOf),
  footer ?? '',
]

/** No address carries half a character. */
const actionKey = (action: ButtonAction): string =>
  JSON.stringify('text' in action ? { ...action, text: action.text.toWellFormed() } : action)

const actionsOf = ({
  buttons = [],
  choices,
}: Card): { buttons: ButtonAction[]; options: ButtonAction[] } => ({
  buttons: buttons.map(({ action }) => action),
  options: (choices?.options ?? []).map(({ action }) => action),
})

const short = (text: string): string => (text.length > 160 ? `${text.slice(0, 160)}…` : text)

/** What is wrong with how a card is shown, in words. */
function faultsOf({ card }: Posted, shown: Shown): readonly string[] {
  return [
    ...shown.violations.map((violation) => `refused: ${violation}`),
    ...shown.pings.map((ping) => `pings ${ping}`),
    ...unsafePieces(shown),
    ...wrongButtons(card, shown),
    ...lostTexts(card, shown),
    ...lostEnds(card, shown),
  ]
}

function unsafePieces({ pieces }: Shown): readonly string[] {
  return pieces.flatMap((piece) => {
    const faults: string[] = []
    if (!piece.isWellFormed()) faults.push('half a character')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/.test(piece))
      faults.push('a control character')
    if (/[\u202a-\u202e]/.test(piece)) faults.push('a mark that turns the rest of the line around')
    for (const line of piece.split('\n')) {
      let depth = 0
      for (const [mark] of line.matchAll(/[\u2066-\u2069]/g)) depth += mark === '\u2069' ? -1 : 1
      if (depth > 0) faults.push('an isolated direction that is not closed')
    }
    return faults.map((fault) => `${fault} in ${JSON.stringify(short(piece))}`)
  })
}

function wrongButtons(card: Card, shown: Shown): readonly string[] {
  const faults: string[] = []
  const { buttons, options } = actionsOf(card)
  const wanted = [...buttons, ...options].map(actionKey)
  const labels = [...(card.buttons ?? []), ...(card.choices?.options ?? [])]
  for (const { label, action } of shown.buttons) {
    const at = action === undefined ? -1 : wanted.indexOf(actionKey(action))
    if (at < 0) faults.push(`a button of none of its actions: ${short(label)}`)
    else wanted[at] = ''
    const meant = labels.some((each) => plain(each.label).startsWith(plain(label.replace(/…$/, ''))))
    if (!meant && plain(label) !== '' && !labels.some((each) => plain(each.label) === ''))
      faults.push(`a button with another label: ${short(label)}`)
  }
  const missingOf = (actions: readonly ButtonAction[], from: number) =>
    actions.filter((_, index) => wanted[from + index] !== '').length
  const missing = [missingOf(buttons, 0), missingOf(options, buttons.length)]
  const all = missing.reduce((sum, count) => sum + count, 0)
  const said = (count: number) => shown.text.includes(`… ${count.toLocaleString('en')} more`)
  if (all > 0 && !said(all) && !missing.every((count) => count === 0 || said(count)))
    faults.push(`${all} buttons missing and not said`)
  return faults
}

/** What cannot be read in the message must be in a file, and the message must say that there is more. */
function lostTexts(card: Card, { text, buttons, files }: Shown): readonly string[] {
  const labels = buttons.map(({ label, hint = '' }) => `${label}\n${hint}`)
  const seen = unquoted([text, ...labels].join('\n'))
  let filed: string | undefined
  const hidden = allTexts(card)
    .map(unquoted)
    .filter((each) => each !== '' && !seen.includes(each))
  if (hidden.length === 0) return []
  filed = unquoted(files.map((file) => file.text).join('\n'))
  const lost = hidden.filter((each) => !filed.includes(each))
  const faults = lost.slice(0, 3).map((each) => `nowhere to be read: ${JSON.stringify(short(each))}`)
  const said = text.includes('…') || files.some(({ name }) => text.includes(name))
  return said ? faults : [...faults, `cut, and not said: ${JSON.stringify(short(hidden[0] ?? ''))}`]
}

/** Of a log its last line tells most. */
function lostEnds({ sections = [] }: Card, { text }: Shown): readonly string[] {
  const codes = sections.filter((section) => section.kind === 'code' && section.keep === 'end')
  // Among very many sections some have no room at all; that is said elsewhere.
  if (sections.length > 8) return []
  const seen = plain(text)
  return codes.flatMap((section) => {
    const lines = section.kind === 'code' ? section.text.split('\n').map(plain) : []
    const last = lines.findLast((line) => line !== '') ?? ''
    return seen.includes(last.slice(-40).trim())
      ? []
      : [`its end does not show: ${JSON.stringify(last.slice(-60))}`]
  })
}

describe.each(drivers)('a card in $name', (driver) => {
  const faults = (card: Posted) => faultsOf(card, driver.render(card, now))

  it.each(corpus)('$name', ({ posted: card }) => {
    expect(faults(card)).toEqual([])
  })

  it.each(pinging)('pings nobody with %s', (name) => {
    const card = posted(everywhere(name), {
      command: name,
      caller: { ...posted(everywhere('')).caller, name },
    })
    const shown = driver.render(card, now)
    expect(shown.pings).toEqual([])
    expect(faultsOf(card, shown)).toEqual([])
  })

  describe.each(marked)('with %s for a name', (name) => {
    it.each<[string, Card, number?]>([
      ['title', { title: name, tone: 'ok' }],
      [
        'title of a section',
        { title: 'x', tone: 'ok', sections: [{ kind: 'text', title: name, text: 'x' }] },
      ],
      [
        'name of a field',
        { title: 'x', tone: 'ok', sections: [{ kind: 'fields', fields: [{ name, value: 'x' }] }] },
      ],
      [
        'field',
        { title: 'x', tone: 'ok', sections: [{ kind: 'fields', fields: [{ name: 'x', value: name }] }] },
      ],
      [
        'cell',
        {
          title: 'x',
          tone: 'ok',
          sections: [{ kind: 'table', columns: [{ name: 'n' }, { name: 'm' }], rows: [[name, 'x']] }],
        },
      ],
      [
        'column',
        {
          title: 'x',
          tone: 'ok',
          sections: [{ kind: 'table', columns: [{ name }, { name: 'm' }], rows: [['x', 'x']] }],
        },
      ],
      ['output', { title: 'x', tone: 'ok', sections: [{ kind: 'code', text: `x\n${name}\nx` }] }],
      ['item', { title: 'x', tone: 'ok', sections: [{ kind: 'list', items: [name, `${name} is up`] }] }],
      ['text', { title: 'x', tone: 'ok', text: `${name}\n${name} is up` }],
      ['sentence', { title: 'x', tone: 'ok', sections: [{ kind: 'text', text: `Restart ${name} now` }] }],
      ['progress', { title: 'x', tone: 'busy', progress: { text: name } }],
      [
        'button',
        { title: 'x', tone: 'ok', buttons: [{ label: name, action: { kind: 'command', text: name } }] },
      ],
      [
        'choice',
        {
          title: 'x',
          tone: 'ok',
          choices: {
            prompt: 'Which?',
            options: [{ label: name, hint: name, action: { kind: 'form', text: name } }],
          },
        },
      ],
      [
        'prompt',
        {
          title: 'x',
          tone: 'ok',
          choices: { prompt: name, options: [{ label: 'x', action: { kind: 'command', text: 'x' } }] },
        },
      ],
      ['small print', { title: 'x', tone: 'ok', footer: name }],
    ])('shows it as it is in a %s', (_, card) => {
      const { text, buttons } = driver.render(posted(card), now)
      const all = [text, ...buttons.map(({ label, hint = '' }) => `${label}\n${hint}`)].join('\n')
      expect(plain(all)).toContain(plain(name))
      expect(faults(posted(card))).toEqual([])
    })
  })

  it.each(odd)('keeps a row a row with %j in it', (name) => {
    const rows = [
      ['one', name, '1'],
      [name, 'two', '2'],
    ]
    const card = posted({
      title: 'Guests',
      tone: 'ok',
      sections: [
        { kind: 'table', columns: [{ name: 'a' }, { name: 'b' }, { name: 'c', align: 'right' }], rows },
      ],
    })
    const { text } = driver.render(card, now)
    const seen = plain(text)
    expect(seen.indexOf('one')).toBeGreaterThanOrEqual(0)
    expect(seen.indexOf('one')).toBeLessThan(seen.indexOf('two'))
    expect(faults(card)).toEqual([])
  })

  it(`holds for ${generated} cards of anything`, () => {
    const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
    const chance = random(seed)
    for (let number = 0; number < generated; number++) {
      const card = anyCard(chance)
      const found = faults(card)
      if (found.length === 0) continue
      const smallest = smaller(card, (each) => isWhole(each.card) && faults(each).length > 0)
      const facts = `SEED=${seed}, card ${number}: ${faults(smallest).join('; ')}\n${JSON.stringify(smallest.card)}`
      expect.fail(facts.slice(0, 4_000))
    }
  }, 120_000)
})

/** Leaves out of a card whatever it fails without. */
function smaller(card: Posted, fails: (card: Posted) => boolean): Posted {
  let now = card
  for (let left = true; left; ) {
    left = false
    for (const next of lesser(now)) {
      if (!fails(next)) continue
      now = next
      left = true
      break
    }
  }
  return now
}

const isWhole = ({ sections = [] }: Card): boolean =>
  sections.every(
    (each) => each.kind !== 'table' || each.rows.every((row) => row.length === each.columns.length),
  )

function* lesser(whole: Posted): Generator<Posted> {
  for (const card of lesserOf(whole.card)) yield { ...whole, card: card as Card }
}

/** The same value with one of its parts less, the large steps first. */
function* lesserOf(value: unknown): Generator<unknown> {
  if (typeof value === 'string') {
    const half = Math.floor(value.length / 2)
    if (value.length > 1) yield* [value.slice(0, half), value.slice(half)]
    if (value.length > 0 && value.length < 40) yield* [value.slice(1), value.slice(0, -1)]
  } else if (Array.isArray(value)) {
    const half = Math.floor(value.length / 2)
    if (value.length > 1) yield* [value.slice(0, half), value.slice(half)]
    if (value.length > 0 && value.length < 12)
      for (let at = 0; at < value.length; at++) yield value.toSpliced(at, 1)
    for (let at = 0; at < Math.min(value.length, 12); at++)
      for (const part of lesserOf(value[at])) yield value.with(at, part)
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
    for (const [key] of entries)
      if (optional.has(key)) yield Object.fromEntries(entries.filter(([other]) => other !== key))
    for (const [key, part] of entries)
      if (key !== 'kind' && key !== 'tone') for (const less of lesserOf(part)) yield { ...value, [key]: less }
  }
}

const optional = new Set([
  'sections',
  'progress',
  'buttons',
  'choices',
  'picture',
  'attachments',
  'footer',
  'hint',
  'style',
  'keep',
  'align',
  'unit',
  'startedAt',
])
