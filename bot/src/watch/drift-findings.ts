/** What is told of what is exposed: as cards, and to the incidents. */
import type { Card } from '@homelab/core'
import type { About } from '@homelab/core/alerts'
import type { Finding } from '../incidents/types.ts'
import type { DriftState } from './drift-troubles.ts'

/** Of what `tunnel.drift` answers. */
export interface WrongRow {
  readonly id: string
  readonly severity: string
  /** What is, in words. */
  readonly there?: string | undefined
}

/** What nobody from outside gets through, whatever else is as it is meant. */
export const isTunnelDown = ({ id }: WrongRow): boolean => id.startsWith(TUNNEL_DOWN)

const TUNNEL_DOWN = 'tunnel-down/'

export interface Telling {
  readonly id: string
  readonly card: Card
  readonly state: 'live' | 'done'
  readonly finding: Omit<Finding, 'card'>
}

/** @param now what `tunnel.drift` shows */
export function driftTellings(state: DriftState, rows: readonly WrongRow[], now: Card): readonly Telling[] {
  const over = state.over.map(({ id, why }) =>
    telling(id, why === 'gone' ? answered(now, state) : newer, false),
  )
  const { trouble } = state
  if (trouble?.untold !== true) return over
  const grave = rows.some(({ id, severity }) => severity === 'critical' && trouble.rows.includes(id))
  return [...over, telling(trouble.id, now, true, grave)]
}

/** @param service what connects it, where the file says that there is one such service */
export function tunnelTellings(
  state: DriftState,
  rows: readonly WrongRow[],
  service: string | undefined,
): readonly Telling[] {
  const about = service === undefined ? {} : { service }
  const over = state.over.map(({ id }) => tunnelTelling(id, connected, false, about))
  const { trouble } = state
  if (trouble?.untold !== true) return over
  const [row] = rows.filter(({ id }) => trouble.rows.includes(id))
  return [...over, tunnelTelling(trouble.id, disconnected(row, trouble.rows), true, about)]
}

/** Each look that finds more has a card of its own, which is seen; so it is a problem of its own. */
const telling = (id: string, card: Card, fires: boolean, grave = false): Telling => ({
  id,
  card,
  state: fires ? 'live' : 'done',
  finding: {
    key: id.replace(/^watch-drift-/, 'drift/'),
    state: fires ? 'firing' : 'resolved',
    kind: 'drift',
    severity: grave ? 'critical' : 'warning',
    title: card.title,
    about: {},
  },
})

const tunnelTelling = (id: string, card: Card, fires: boolean, about: About): Telling => ({
  id,
  card,
  state: fires ? 'live' : 'done',
  finding: {
    key: 'tunnel',
    state: fires ? 'firing' : 'resolved',
    kind: 'down',
    severity: 'critical',
    title: card.title,
    ...(card.text === undefined ? {} : { text: card.text }),
    about,
  },
})

const newer: Card = { title: 'There is a newer card about what is exposed', tone: 'neutral' }

/** Of the rows that were told nothing is left; what else is there now has not lasted yet, or is on another card. */
const answered = (now: Card, { trouble }: DriftState): Card =>
  trouble === undefined && now.tone === 'ok'
    ? now
    : { title: 'What is exposed is as it is meant again', tone: 'ok' }

const connected: Card = { title: 'The tunnel is connected again', tone: 'ok' }

const disconnected = (row: WrongRow | undefined, rows: readonly string[]): Card => ({
  title: `The tunnel ${(row?.id ?? rows[0] ?? '').slice(TUNNEL_DOWN.length)} is not connected`,
  tone: 'error',
  text: `No cloudflared is connected to it${row?.there === undefined ? '' : ` (${row.there})`}: nothing that is exposed can be reached.`,
  buttons: [{ label: 'Tunnel', action: { kind: 'command', text: 'tunnel status' } }],
})
