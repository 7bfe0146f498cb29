/** Cards that adapters must survive: what people, logs and names of a lab can contain, and then some. */
import type { Button, Card, Section } from '@homelab/core'
import type { Posted } from '../../bot/src/chat/types.ts'

export const now = new Date('2026-11-23T10:02:00.000Z')

export const posted = (card: Card, rest: Partial<Posted> = {}): Posted => ({
  id: 'message-1',
  place: { surface: 'discord', channel: '1234' },
  caller: { id: 'discord:1', name: 'harmeet', role: 'admin', surface: 'chat' },
  command: 'restart plex',
  at: '2026-11-23T10:00:00.000Z',
  state: 'working',
  card,
  ...rest,
})

/** Names that are markup somewhere; each must be read as it is written. */
export const marked: readonly string[] = [
  '*bold*',
  '**bold**',
  '_under_',
  '__under__',
  '~struck~',
  '~~struck~~',
  '`',
  '```',
  '||x||',
  '[a](http://b)',
  '[a](https://evil.example/x) b',
  '> q',
  '>>> q',
  '# h',
  '-# small',
  '- item',
  '1. item',
  '<http://x|y>',
  '<http://x.example>',
  'http://x.example/*a*b_c_d',
  'http://x.example<@123>',
  ':smile:',
  'a\\*b\\',
  '&amp; &lt;b&gt; <b>',
  '<script>alert("1")</script>\'"',
  '<!date^1392734382^{date}|x>',
  '<t:1392734382:R>',
]

export const pinging: readonly string[] = [
  '@everyone',
  '@here',
  '<@123>',
  '<@!123>',
  '<@&456>',
  '<#789>',
  '<!channel>',
  '<!here|here>',
  '<!everyone>',
  '<@U123>',
  '<@U123|kid>',
  '<!subteam^S123>',
  '<#C123|ops>',
  '@channel',
]

/** Names that break layouts: directions, widths, marks, nothing at all. */
export const odd: readonly string[] = [
  '\u202egnp.exe',
  '\u2067right\u2069 \u2066left',
  'שלום plex',
  'مرحبا بالعالم',
  '👩‍👩‍👧‍👦🏳️‍🌈👍🏽',
  'e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301',
  '\u200b',
  '\u200b\u200c\u200d\u2060\ufeff',
  'nul\u0000 and bell\u0007',
  'lone \ud83d high',
  'lone \ude00 low',
  '一个很长的名字'.repeat(3),
  '\u001b[31mred\u001b[0m',
  'tab\tand\r\nline',
  '   ',
]

const line = (number: number) => `line ${number}: ${'0123456789 '.repeat(3)}end ${number}`
export const manyLines = (count: number): string =>
  Array.from({ length: count }, (_, number) => line(number)).join('\n')

const button = (label: string): Button => ({ label, action: { kind: 'command', text: `do ${label}` } })
const buttons = (count: number): readonly Button[] =>
  Array.from({ length: count }, (_, number) => button(`Button ${number}`))
const choices = (count: number): Card['choices'] => ({
  prompt: 'Which one?',
  options: Array.from({ length: count }, (_, number) => ({
    label: `Choice ${number}`,
    hint: `CT ${number} on pve`,
    action: { kind: 'command', text: `choose ${number}` },
  })),
})
const rows = (count: number): Section => ({
  kind: 'table',
  title: 'Guests',
  columns: [{ name: 'Name' }, { name: 'VMID', align: 'right' }, { name: 'State' }],
  rows: Array.from({ length: count }, (_, number) => [
    `guest-${number}`,
    `${number}`,
    { text: number % 7 === 0 ? 'stopped' : 'running', tone: number % 7 === 0 ? 'error' : 'ok' },
  ]),
})
const ok = (card: Partial<Card>): Card => ({ title: 'plex is back', tone: 'ok', ...card })

/** The same text in every place that a card has for one. */
export const everywhere = (text: string): Card => ({
  title: text,
  tone: 'warning',
  text,
  sections: [
    { kind: 'text', title: text, text },
    { kind: 'list', title: text, items: [text, text] },
    { kind: 'fields', title: text, fields: [{ name: text, value: text }] },
    {
      kind: 'table',
      title: text,
      columns: [{ name: text }, { name: 'b', align: 'right' }],
      rows: [
        [text, { text, tone: 'error' }],
        ['x', text],
      ],
    },
    { kind: 'code', title: text, text },
  ],
  progress: { text },
  buttons: [button(text), { label: text, style: 'danger', action: { kind: 'form', text } }],
  choices: { prompt: text, options: [{ label: text, hint: text, action: { kind: 'command', text } }] },
  footer: text,
})

export interface Sample {
  readonly name: string
  readonly posted: Posted
}

const sample = (name: string, card: Card, rest: Partial<Posted> = {}): Sample => ({
  name,
  posted: posted(card, rest),
})

export const corpus: readonly Sample[] = [
  sample('empty', { title: '', tone: 'neutral' }),
  sample('empty throughout', everywhere('')),
  sample('plain', ok({ text: 'It answers.', footer: 'took 12 s' }), { state: 'done' }),
  sample('title of 5,000 characters', ok({ title: 'Restart plex and '.repeat(300) })),
  sample('text of 50,000 characters', ok({ text: 'It answers again. '.repeat(2_800) })),
  sample(
    '1 MB log',
    ok({ sections: [{ kind: 'code', title: 'Log', text: manyLines(22_000), keep: 'end' }] }),
  ),
  sample('1 MB in one line', ok({ sections: [{ kind: 'code', text: 'x'.repeat(1_000_000), keep: 'end' }] })),
  sample('log kept from its start', ok({ sections: [{ kind: 'code', text: manyLines(2_000) }] })),
  sample(
    'two logs',
    ok({ sections: [1, 2].map(() => ({ kind: 'code', text: manyLines(500), keep: 'end' })) }),
  ),
  sample('500 buttons', ok({ buttons: buttons(500) })),
  sample('500 choices', ok({ choices: choices(500) as NonNullable<Card['choices']> })),
  sample('buttons and choices', ok({ buttons: buttons(30), ...maybe('choices', choices(120)) })),
  sample('26 buttons', ok({ buttons: buttons(26) })),
  sample('10,000 rows', ok({ sections: [rows(10_000)] })),
  sample('101 rows', ok({ sections: [rows(101)] })),
  sample('three tables', ok({ sections: [rows(3), rows(4), rows(60)] })),
  sample(
    'table of 40 columns',
    ok({
      sections: [
        {
          kind: 'table',
          columns: Array.from({ length: 40 }, (_, index) => ({ name: `c${index}` })),
          rows: [Array.from({ length: 40 }, (_, index) => `cell ${index}`)],
        },
      ],
    }),
  ),
  sample('table without anything', ok({ sections: [{ kind: 'table', columns: [], rows: [] }] })),
  sample('table without rows', ok({ sections: [rows(0)] })),
  sample('list of 5,000', ok({ sections: [{ kind: 'list', items: manyLines(5_000).split('\n') }] })),
  sample(
    '60 fields',
    ok({
      sections: [
        {
          kind: 'fields',
          fields: Array.from({ length: 60 }, (_, n) => ({ name: `name ${n}`, value: `value ${n}` })),
        },
      ],
    }),
  ),
  sample(
    'field of 20,000',
    ok({ sections: [{ kind: 'fields', fields: [{ name: 'Log', value: manyLines(500) }] }] }),
  ),
  sample(
    '200 sections',
    ok({
      sections: Array.from({ length: 200 }, (_, n) => ({
        kind: 'text',
        title: `Part ${n}`,
        text: `text ${n}`,
      })),
    }),
  ),
  sample('everything long', everywhere('a very long name of something '.repeat(200))),
  sample(
    'backticks',
    ok({ sections: [{ kind: 'code', text: '```\n`` ` ``\n````\n'.repeat(400), keep: 'end' }] }),
  ),
  sample('markup without end', ok({ text: '*_~`|<[#>\\'.repeat(2_000) })),
  sample(
    'quotes and backslashes',
    ok({ text: '"\\'.repeat(6_000), sections: [{ kind: 'list', items: ['"\\'.repeat(4_000)] }] }),
  ),
  sample('NUL', everywhere('\u0000'.repeat(300))),
  sample('emoji', everywhere('👩‍👩‍👧‍👦'.repeat(60))),
  sample(
    'files',
    ok({
      attachments: Array.from({ length: 14 }, () => ({
        name: '../../a b.txt',
        type: 'text/plain',
        text: 'the same name',
      })),
    }),
  ),
  sample('picture', ok({ picture: { alt: 'CPU of pve', svg: '<svg xmlns="http://www.w3.org/2000/svg"/>' } })),
  sample(
    'progress',
    ok({
      progress: {
        text: 'Copying',
        done: 3,
        total: 9,
        unit: 'items',
        startedAt: '2026-11-23T10:01:00.000Z',
        expectedMs: 90_000,
      },
    }),
  ),
  sample(
    'question',
    ok({
      buttons: [
        { label: 'Confirm', style: 'danger', action: { kind: 'confirm', id: 'q1' } },
        { label: 'Cancel', action: { kind: 'decline', id: 'q1' } },
      ],
    }),
    { state: 'asking' },
  ),
  sample('long id', ok({ buttons: buttons(3), ...maybe('choices', choices(3)) }), { id: 'x'.repeat(80) }),
  ...odd.map((text) => sample(`odd ${JSON.stringify(text)}`, everywhere(text))),
]

function maybe<K extends string, T>(key: K, value: T | undefined): { [P in K]: T } | Record<string, never> {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: T })
}
