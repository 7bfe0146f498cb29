/** What can be wrong with how a card is shown, the same for every platform. */
import type { ButtonAction, Card, Cell, Section } from '@homelab/core'
import type { Posted } from '../../bot/src/chat/types.ts'
import type { Shown } from './drivers/driver.ts'

/** As far as it can be read: what is invisible, piled up, or white makes no difference. */
export const plain = (text: string): string => text.toWellFormed().replace(/[\p{C}\p{M}\s\ufffd]/gu, '')

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
export function faultsOf({ card }: Posted, shown: Shown): readonly string[] {
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
