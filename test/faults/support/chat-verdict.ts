/** Whether what people see in the end is true: against what was really done. */
import { type Asked, type End, endOf, type People, type Seen } from './chat-people.ts'

export interface Counted {
  /** Commands that were taken and have no card, or one that says that nothing came of it although nobody wished so. */
  readonly lost: readonly string[]
  /** Guests that were restarted oftener than their cards say, and commands with two cards. */
  readonly twice: readonly string[]
  /** Cards that have not come to an end. */
  readonly spinning: readonly string[]
  /** Restarts that a card tells of and that never were. */
  readonly untrue: readonly string[]
  readonly ends: Readonly<Partial<Record<End, number>>>
  readonly cards: number
  /** Nobody could be told of it: Discord had no session to bring it to. */
  readonly unheard: number
}

/** The cards of each command, wherever they are now. */
export async function cardsOf(
  people: Readonly<Record<Asked['platform'], People>>,
  commands: readonly Asked[],
): Promise<ReadonlyMap<Asked, readonly Seen[]>> {
  const pages = new Map<string, readonly Seen[]>()
  for (const { platform, channel } of commands) {
    const page = `${platform} ${channel}`
    if (!pages.has(page)) pages.set(page, await people[platform].read(channel))
  }
  return new Map(
    commands.map((asked) => {
      const page = pages.get(`${asked.platform} ${asked.channel}`) ?? []
      // In Discord the channel is the command's own; what else stands there answers buttons.
      const mine = (seen: Seen) =>
        asked.card === undefined ? seen.thinking || isRestart(seen, asked.guest) : seen.card === asked.card
      return [asked, page.filter(mine)] as const
    }),
  )
}

/** Not the answer to a pressed Cancel, which names the same restart. */
const isRestart = ({ text, buttons }: Seen, guest: string): boolean =>
  text.includes(guest) && !buttons.includes('Show') && !text.includes('Cancel run ')

export interface Judged {
  readonly commands: ReadonlyMap<Asked, readonly Seen[]>
  /** Guest → reboots that were made. */
  readonly reboots: ReadonlyMap<string, number>
  /** Interactions of Discord that no session of the bot ever confirmed. */
  readonly unheard: ReadonlySet<string>
}

export function judge({ commands, reboots, unheard: toNobody }: Judged): Counted {
  const lost: string[] = []
  const twice: string[] = []
  const spinning: string[] = []
  const ends: Partial<Record<End, number>> = {}
  const claimed = new Map<string, { done: number; perhaps: number }>()
  let unheard = 0
  let cards = 0
  for (const [asked, seen] of commands) {
    const { platform, channel, guest, kind, acknowledged, interaction } = asked
    const name = `${platform} ${channel}: restart ${guest}`
    const [card] = seen
    cards += seen.length
    if (seen.length > 1)
      twice.push(`${name} has ${seen.length} cards: ${seen.map(({ text }) => firstLine(text)).join(' | ')}`)
    if (card === undefined) {
      // Discord keeps for a session what it cannot bring now; Slack does so for mentions alone.
      const kept = interaction !== undefined && !toNobody.has(interaction)
      if (acknowledged || kept)
        lost.push(`${name} has no card${acknowledged ? '' : ', and was not acknowledged'}`)
      else unheard += 1
      continue
    }
    const end = endOf(card)
    if (end === undefined) {
      spinning.push(`${name}: ${firstLine(card.text)}`)
      continue
    }
    ends[end] = (ends[end] ?? 0) + 1
    if (end === 'failed' || (end === 'interrupted' && kind === 'plain'))
      lost.push(`${name}: ${oneLine(card.text)}`)
    const claim = claimed.get(guest) ?? { done: 0, perhaps: 0 }
    if (end === 'restarted') claim.done += 1
    // A run that is cancelled may have sent its reboot before.
    if (end === 'cancelled' || end === 'failed' || end === undefined) claim.perhaps += 1
    claimed.set(guest, claim)
  }
  const untrue: string[] = []
  for (const [guest, made] of reboots) {
    const { done, perhaps } = claimed.get(guest) ?? { done: 0, perhaps: 0 }
    if (made > done + perhaps)
      twice.push(`${guest} was restarted ${made} times, ${done} to ${done + perhaps} were asked for`)
    if (made < done) untrue.push(`${guest} was restarted ${made} times, its cards say ${done}`)
  }
  for (const [guest, { done }] of claimed)
    if (!reboots.has(guest) && done > 0) untrue.push(`${guest} never was restarted`)
  return { lost, twice, spinning, untrue, ends, cards, unheard }
}

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' / ').slice(0, 300)
const firstLine = (text: string): string => text.split('\n', 1)[0] ?? ''
