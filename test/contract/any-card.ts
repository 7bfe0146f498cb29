/** Cards of anything that a card may hold, from nothing but numbers. */
import type { Button, CardProgress, Section, Tone } from '@homelab/core'
import type { Posted } from '../../bot/src/chat/types.ts'
import { marked, odd, pinging, posted } from './cards.ts'

/** mulberry32. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A card of anything; the same numbers make the same card. */
export function anyCard(chance: () => number): Posted {
  const upTo = (most: number) => Math.floor(chance() * (most + 1))
  const oneOf = <T>(...values: readonly [T, ...T[]]): T => values[upTo(values.length - 1)] ?? values[0]
  /** Mostly few, now and then very many. */
  const some = (few: number, many: number) => (chance() < 0.05 ? upTo(many) : upTo(few))
  const often = (share: number) => chance() < share
  const sources = [
    ...marked,
    ...pinging,
    ...odd,
    'plex',
    'backup of immich',
    '91 %',
    'CT 110 on pve',
  ] as const
  const text = (many: number) =>
    Array.from({ length: some(3, many) }, () => sources[upTo(sources.length - 1)] ?? '').join(
      oneOf(' ', ' ', '\n', ''),
    )
  const titled = () => (often(0.6) ? { title: text(60) } : {})
  const tone = () => oneOf<Tone>('neutral', 'busy', 'ok', 'warning', 'error')
  // Of two buttons for the same nobody could say which is missing.
  let actions = 0
  const action = (): Button['action'] => {
    actions += 1
    return oneOf<Button['action']>(
      { kind: 'command', text: `${text(40)} ${actions}` },
      { kind: 'form', text: `${text(40)} ${actions}` },
      { kind: 'confirm', id: `q${actions}` },
      { kind: 'approve', id: `q${actions}` },
    )
  }
  const times = <T>(count: number, make: () => T): readonly T[] => Array.from({ length: count }, make)

  function section(): Section {
    const columns = some(4, 30)
    return oneOf<() => Section>(
      () => ({ kind: 'text', ...titled(), text: text(600) }),
      () => ({ kind: 'list', ...titled(), items: times(some(5, 400), () => text(80)) }),
      () => ({
        kind: 'fields',
        ...titled(),
        fields: times(some(5, 60), () => ({ name: text(30), value: text(200) })),
      }),
      () => ({
        kind: 'table',
        ...titled(),
        columns: times(columns, () => ({
          name: text(10),
          ...(often(0.3) ? { align: 'right' as const } : {}),
        })),
        rows: times(some(8, 300), () =>
          times(columns, () => (often(0.7) ? text(20) : { text: text(20), tone: tone() })),
        ),
      }),
      () => ({
        kind: 'code',
        ...titled(),
        text: times(some(20, 3_000), () => text(8)).join('\n'),
        ...(often(0.7) ? { keep: oneOf<'start' | 'end'>('start', 'end') } : {}),
      }),
    )()
  }

  const progress = (): CardProgress => ({
    text: text(30),
    ...(often(0.5) ? { done: upTo(2_000_000), total: upTo(2_000_000) } : {}),
    ...(often(0.5) ? { unit: oneOf<'bytes' | 'items' | 'percent'>('bytes', 'items', 'percent') } : {}),
    ...(often(0.5) ? { startedAt: '2026-11-23T10:01:00.000Z', expectedMs: upTo(100_000) } : {}),
  })
  const option = () => ({ label: text(30), ...(often(0.5) ? { hint: text(30) } : {}), action: action() })
  const style = () => (often(0.4) ? { style: oneOf<'primary' | 'danger'>('primary', 'danger') } : {})

  return posted(
    {
      title: text(200),
      tone: tone(),
      ...(often(0.5) ? { text: text(1_000) } : {}),
      ...(often(0.7) ? { sections: times(some(4, 70), section) } : {}),
      ...(often(0.3) ? { progress: progress() } : {}),
      ...(often(0.5)
        ? { buttons: times(some(4, 60), () => ({ label: text(30), ...style(), action: action() })) }
        : {}),
      ...(often(0.3) ? { choices: { prompt: text(20), options: times(some(5, 200), option) } } : {}),
      ...(often(0.2) ? { picture: { alt: text(20), svg: '<svg/>' } } : {}),
      ...(often(0.2)
        ? { attachments: times(some(2, 15), () => ({ name: text(20), type: 'text/plain', text: text(500) })) }
        : {}),
      ...(often(0.4) ? { footer: text(60) } : {}),
    },
    {
      id: `card-${upTo(1e9)}`,
      command: text(30),
      caller: { id: oneOf('discord:1', 'homelab:watch'), name: text(3), role: 'admin', surface: 'chat' },
      state: oneOf('working', 'asking', 'done'),
    },
  )
}
