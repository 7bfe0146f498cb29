import type { Card } from '@homelab/core'
import type { KnownBlock } from '@slack/types'
import { describe, expect, it } from 'vitest'
import { actionOf, readButtonId } from '../chat/buttons.ts'
import type { Posted } from '../chat/types.ts'
import { choiceAction, renderSlack } from './render.ts'

const now = new Date('2026-11-25T12:00:00Z')
const posted = (card: Partial<Card>, more: Partial<Posted> = {}): Posted => ({
  id: 'slack:C1.1700000000.000100',
  place: { surface: 'slack', channel: 'C1' },
  caller: { id: 'slack:U1', name: 'harmeet', role: 'operator', surface: 'chat' },
  command: 'restart plex',
  at: '2026-11-25T11:59:00Z',
  card: { title: 'plex is back', tone: 'ok', ...card },
  state: 'done',
  ...more,
})
const render = (card: Partial<Card>, more?: Partial<Posted>) => renderSlack(posted(card, more), { now })

/** Every text that a person would read, in order. */
function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'text' && typeof inner === 'string' ? [inner] : textsOf(inner),
  )
}
const seen = (blocks: readonly KnownBlock[]) => textsOf(blocks).join('\n')
const bytesIn = (blocks: readonly KnownBlock[]) => Buffer.byteLength(JSON.stringify(blocks))
const blockOf = (blocks: readonly KnownBlock[], type: string) => blocks.filter((block) => block.type === type)

describe('a card as a Slack message', () => {
  it('has title, text, sections, buttons and small print, and who asked what', () => {
    const { blocks, text, files } = render({
      text: 'Down for 12 s. `status` shows all.',
      sections: [
        { kind: 'fields', title: 'Guest', fields: [{ name: 'CT', value: '110' }] },
        { kind: 'list', items: ['one', 'two'] },
        {
          kind: 'table',
          columns: [{ name: 'Disk' }, { name: 'Used', align: 'right' }],
          rows: [['sda', '4 %']],
        },
        { kind: 'code', text: 'first\nlast', keep: 'end' },
      ],
      buttons: [{ label: 'Logs', style: 'primary', action: { kind: 'command', text: 'logs plex' } }],
      footer: 'run 1',
    })
    expect(blocks.map(({ type }) => type)).toEqual([
      'header',
      'rich_text',
      'rich_text',
      'rich_text',
      'table',
      'rich_text',
      'actions',
      'context',
    ])
    expect(seen(blocks)).toContain('✅ plex is back')
    expect(seen(blocks)).toContain('harmeet: restart plex')
    expect(JSON.stringify(blocks)).toContain('{"type":"text","text":"status","style":{"code":true}}')
    expect(JSON.stringify(blocks)).not.toContain('mrkdwn')
    expect(text).toBe('✅ plex is back\nDown for 12 s. `status` shows all.')
    expect(files).toEqual([])
  })

  it('carries what its buttons and choices do, so that the card finds it again', () => {
    const card: Card = {
      title: 'Which one?',
      tone: 'neutral',
      buttons: [{ label: 'None', action: { kind: 'decline', id: 'q1' } }],
      choices: {
        prompt: 'Which one?',
        options: [
          { label: 'plex', action: { kind: 'command', text: 'restart plex' } },
          { label: 'plex-2', hint: 'CT 111', action: { kind: 'command', text: 'restart plex-2' } },
        ],
      },
    }
    const whole = posted(card)
    const [select, buttons] = blockOf(renderSlack(whole, { now }).blocks, 'actions') as unknown as {
      elements: { action_id: string; value: string; options: { value: string }[] }[]
    }[]
    const button = readButtonId(buttons?.elements[0]?.value ?? '')
    expect(button && actionOf(card, button)).toEqual({ kind: 'decline', id: 'q1' })
    const [menu] = select?.elements ?? []
    const id = menu?.action_id.slice(choiceAction.length)
    const chosen = readButtonId(`${menu?.options[1]?.value}.${id}`)
    expect(chosen).toMatchObject({ cardId: whole.id, index: 2 })
    expect(chosen && actionOf(card, chosen)).toEqual({ kind: 'command', text: 'restart plex-2' })
  })

  it('shows markup, mentions and emoji codes as they are written', () => {
    const name = '<!channel> <@U123> *bold* _it_ ~no~ :tada: [a](http://b) <http://x|y> & > q'
    const { blocks, text } = render({
      title: name,
      text: name,
      sections: [{ kind: 'list', items: [name] }],
    })
    expect(seen(blocks).split(name).length - 1).toBe(3)
    expect(JSON.stringify(blocks)).not.toMatch(/"type":"(user|broadcast|link|usergroup|emoji|mrkdwn)"/)
    expect(text).not.toMatch(/<[@!#h]/)
    expect(text).toContain('&lt;!channel&gt;')
  })

  it('takes out what turns lines around, hides, or breaks JSON', () => {
    const { blocks } = render({
      title: 'a\u202eb\u0000c\ud800d\u200b',
      text: '\u200b\u200d',
      footer: 'x\u0007y',
    })
    expect(seen(blocks)).toContain('✅ abc\ufffdd')
    expect(seen(blocks)).toContain('\n–\n')
    expect(seen(blocks)).toContain('xy')
  })

  it('cuts a long log to its end, says so, and attaches all of it', () => {
    const log = Array.from({ length: 20_000 }, (_, line) => `line ${line} ${'x'.repeat(40)}`).join('\n')
    const { blocks, files } = render({
      title: 'Log of plex',
      sections: [{ kind: 'code', text: log, keep: 'end' }],
    })
    expect(seen(blocks)).toContain('line 19999 ')
    expect(seen(blocks)).toMatch(/… 19,9\d\d more lines before this/)
    expect(seen(blocks)).toContain('All of it is in Log-of-plex.txt.')
    expect(files).toHaveLength(1)
    expect(files[0]?.data).toContain(log)
  })

  it('counts what has no room: rows, items, buttons, choices, sections', () => {
    const rows = Array.from({ length: 300 }, (_, row) => [`guest-${row}`, 'running', 'CT'])
    const { blocks, files } = render({
      sections: [
        { kind: 'table', columns: [{ name: 'Name' }, { name: 'State' }, { name: 'Kind' }], rows },
        { kind: 'list', items: rows.map(([name]) => `item ${name}`) },
        ...Array.from({ length: 100 }, (_, n) => ({ kind: 'text' as const, text: `section ${n}` })),
      ],
      buttons: Array.from({ length: 500 }, (_, n) => ({
        label: `Button ${n}`,
        action: { kind: 'command' as const, text: `do ${n}` },
      })),
      choices: {
        prompt: 'Which?',
        options: rows.map(([name = '']) => ({
          label: name,
          action: { kind: 'command', text: `show ${name}` },
        })),
      },
    })
    const text = seen(blocks)
    expect(text).toMatch(/… \d+ more rows/)
    expect(text).toMatch(/… \d+ more buttons/)
    expect(text).toMatch(/… \d+ more to choose from/)
    expect(text).toMatch(/… \d+ more sections/)
    expect(blockOf(blocks, 'table')).toHaveLength(1)
    const [file] = files
    for (const wanted of [
      'guest-299 | running | CT',
      '- item guest-299',
      'section 99',
      '[Button 499] do 499',
      'show guest-299',
    ])
      expect(file?.data).toContain(wanted)
  })

  it('makes lists of all tables but the first, and of one with more columns than Slack takes', () => {
    const table = (columns: number) => ({
      kind: 'table' as const,
      columns: Array.from({ length: columns }, (_, n) => ({ name: `c${n}` })),
      rows: [Array.from({ length: columns }, (_, n) => ({ text: `v${n}`, tone: 'error' as const }))],
    })
    const { blocks } = render({ sections: [table(2), table(3), table(30)] })
    expect(blockOf(blocks, 'table')).toHaveLength(1)
    expect(seen(blocks)).toContain('❌ v0\n · c1 ❌ v1 · c2 ❌ v2')
    expect(seen(blocks)).toContain('c29 ❌ v29')
  })

  it('shows how far it is', () => {
    const { blocks } = render(
      { progress: { text: 'Rebooting plex', startedAt: '2026-11-25T11:59:48Z', expectedMs: 24_000 } },
      { state: 'working' },
    )
    expect(seen(blocks)).toContain('▓▓▓▓▓░░░░░')
    expect(seen(blocks)).toContain('Rebooting plex · 12 s, usually 24 s')
  })

  it('keeps every limit, whatever the card', () => {
    let seed = 1
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % below
    }
    const alphabet = [
      'a',
      'é',
      '漢',
      '🎉',
      '\u202e',
      '"',
      '\\',
      '\n',
      ' ',
      '`',
      '\u0000',
      '\ud800',
      '<!here>',
    ]
    const text = (most: number) =>
      Array.from({ length: random(most) }, () => alphabet[random(alphabet.length)] ?? '').join('')
    const many = <T>(most: number, make: () => T): T[] => Array.from({ length: random(most) }, make)
    const kinds = [
      () => ({ kind: 'text' as const, title: text(300), text: text(6_000) }),
      () => ({ kind: 'list' as const, items: many(60, () => text(200)) }),
      () => ({ kind: 'fields' as const, fields: many(30, () => ({ name: text(50), value: text(300) })) }),
      () => ({
        kind: 'code' as const,
        text: text(9_000),
        keep: random(2) === 0 ? ('end' as const) : ('start' as const),
      }),
      () => ({
        kind: 'table' as const,
        columns: many(25, () => ({ name: text(20) })),
        rows: many(150, () => many(25, () => text(40))),
      }),
    ]
    for (let round = 0; round < 150; round++) {
      const start = seed
      const {
        blocks,
        text: said,
        files,
      } = render({
        title: text(400),
        text: text(4_000),
        sections: many(round % 10 === 0 ? 80 : 6, () => (kinds[random(kinds.length)] ?? kinds[0])?.()).filter(
          (section) => section !== undefined,
        ),
        buttons: many(40, () => ({
          label: text(120),
          action: { kind: 'command' as const, text: text(100) },
        })),
        choices: {
          prompt: text(100),
          options: many(120, () => ({
            label: text(120),
            hint: text(90),
            action: { kind: 'command', text: text(50) },
          })),
        },
        footer: text(500),
      })
      const where = `seed ${start}`
      expect(blocks.length, where).toBeLessThanOrEqual(50)
      expect(bytesIn(blocks), where).toBeLessThan(12_000)
      expect(said.length, where).toBeGreaterThan(0)
      expect(
        textsOf(blocks).every((part) => part.length > 0 && part.length <= 3_000),
        where,
      ).toBe(true)
      expect(blockOf(blocks, 'table').length, where).toBeLessThanOrEqual(1)
      for (const file of files) expect(file.data.length, where).toBeGreaterThan(0)
    }
  })
})
