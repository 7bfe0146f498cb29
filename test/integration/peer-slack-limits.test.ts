/** What the simulated Slack refuses: every limit of messages and views. */
import type { KnownBlock, View } from '@slack/types'
import type { WebClient } from '@slack/web-api'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SlackPeer } from '../support/slack.ts'
import { startSlack } from '../support/slack.ts'
import { plain, webClient } from '../support/slack-client.ts'

const x = (length: number): string => 'x'.repeat(length)
const mrkdwn = (text: string) => ({ type: 'mrkdwn' as const, text })
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))
const button = (more: object, index = 0) => ({
  type: 'button' as const,
  action_id: `b${index}`,
  text: plain('Go'),
  ...more,
})
const actions = (...elements: object[]) => ({ type: 'actions', elements })
const options = (count: number) => times(count, (index) => ({ text: plain(`o${index}`), value: `v${index}` }))
const select = (more: object) =>
  actions({ type: 'static_select', action_id: 's', options: options(1), ...more })
const cell = { type: 'raw_text', text: 'x' }
const table = (rows: number, columns: number) => ({
  type: 'table',
  rows: times(rows, () => times(columns, () => cell)),
})

/** What is refused, and the words of the refusal; beside it what is just allowed. */
const blockLimits: [string, object, object, string][] = [
  [
    'section text of 3,000',
    { type: 'section', text: mrkdwn(x(3000)) },
    { type: 'section', text: mrkdwn(x(3001)) },
    'must be less than 3001 characters [json-pointer:/blocks/0/text/text]',
  ],
  [
    '10 fields',
    { type: 'section', fields: times(10, () => mrkdwn('x')) },
    { type: 'section', fields: times(11, () => mrkdwn('x')) },
    'no more than 10 items allowed [json-pointer:/blocks/0/fields]',
  ],
  [
    'field of 2,000',
    { type: 'section', fields: [mrkdwn(x(2000))] },
    { type: 'section', fields: [mrkdwn(x(2001))] },
    'must be less than 2001 characters',
  ],
  [
    'header of 150',
    { type: 'header', text: plain(x(150)) },
    { type: 'header', text: plain(x(151)) },
    'must be less than 151 characters',
  ],
  [
    'header in plain text',
    { type: 'header', text: plain('x') },
    { type: 'header', text: mrkdwn('x') },
    'unsupported type: mrkdwn',
  ],
  [
    'no empty text',
    { type: 'header', text: plain('x') },
    { type: 'header', text: plain('') },
    'must be more than 0 characters',
  ],
  [
    '10 context elements',
    { type: 'context', elements: times(10, () => mrkdwn('x')) },
    { type: 'context', elements: times(11, () => mrkdwn('x')) },
    'no more than 10 items allowed',
  ],
  [
    '25 actions',
    actions(...times(25, (i) => button({}, i))),
    actions(...times(26, (i) => button({}, i))),
    'no more than 25 items allowed [json-pointer:/blocks/0/elements]',
  ],
  [
    'action_id once in a block',
    actions(button({}, 0), button({}, 1)),
    actions(button({}, 0), button({}, 0)),
    'already exists',
  ],
  [
    'action_id of 255',
    actions(button({ action_id: x(255) })),
    actions(button({ action_id: x(256) })),
    'must be less than 256 characters',
  ],
  [
    'button text of 75',
    actions(button({ text: plain(x(75)) })),
    actions(button({ text: plain(x(76)) })),
    'must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]',
  ],
  [
    'button value of 2,000',
    actions(button({ value: x(2000) })),
    actions(button({ value: x(2001) })),
    'must be less than 2001 characters',
  ],
  [
    'button url of 3,000',
    actions(button({ url: `https://${x(2992)}` })),
    actions(button({ url: `https://${x(2993)}` })),
    'must be less than 3001 characters',
  ],
  [
    'button style',
    actions(button({ style: 'danger' })),
    actions(button({ style: 'warning' })),
    'must be one of: primary, danger',
  ],
  [
    'confirm title of 100',
    actions(button({ confirm: { title: plain(x(100)), text: plain('x') } })),
    actions(button({ confirm: { title: plain(x(101)), text: plain('x') } })),
    'must be less than 101 characters',
  ],
  [
    'confirm text of 300',
    actions(button({ confirm: { text: plain(x(300)) } })),
    actions(button({ confirm: { text: plain(x(301)) } })),
    'must be less than 301 characters',
  ],
  [
    'confirm button of 30',
    actions(button({ confirm: { text: plain('x'), confirm: plain(x(30)) } })),
    actions(button({ confirm: { text: plain('x'), confirm: plain(x(31)) } })),
    'must be less than 31 characters',
  ],
  [
    '100 options',
    select({ options: options(100) }),
    select({ options: options(101) }),
    'no more than 100 items allowed',
  ],
  [
    'option text of 75',
    select({ options: [{ text: plain(x(75)), value: 'v' }] }),
    select({ options: [{ text: plain(x(76)), value: 'v' }] }),
    'must be less than 76 characters',
  ],
  [
    'placeholder of 150',
    select({ placeholder: plain(x(150)) }),
    select({ placeholder: plain(x(151)) }),
    'must be less than 151 characters',
  ],
  [
    'initial option among them',
    select({ initial_option: options(1)[0] }),
    select({ initial_option: { text: plain('?'), value: '?' } }),
    'initial_option must be one of the options',
  ],
  [
    '5 options of an overflow',
    actions({ type: 'overflow', action_id: 'o', options: options(5) }),
    actions({ type: 'overflow', action_id: 'o', options: options(6) }),
    'no more than 5 items allowed',
  ],
  [
    'no multi-select in actions',
    {
      type: 'section',
      text: mrkdwn('x'),
      accessory: { type: 'multi_static_select', action_id: 'm', options: options(2) },
    },
    actions({ type: 'multi_static_select', action_id: 'm', options: options(2) }),
    'unsupported element: multiselect',
  ],
  [
    'alt_text of 2,000',
    { type: 'image', image_url: 'https://x/', alt_text: x(2000) },
    { type: 'image', image_url: 'https://x/', alt_text: x(2001) },
    'must be less than 2001 characters',
  ],
  [
    'table of 100 rows',
    table(100, 20),
    table(101, 1),
    'no more than 100 items allowed [json-pointer:/blocks/0/rows]',
  ],
  [
    'table of 20 columns',
    table(1, 20),
    table(1, 21),
    'no more than 20 items allowed [json-pointer:/blocks/0/rows/0]',
  ],
  [
    'rich text in its structure',
    { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: 'x' }] }] },
    { type: 'rich_text', elements: [{ type: 'text', text: 'x' }] },
    'unsupported type: text',
  ],
  [
    'markdown of 12,000',
    { type: 'markdown', text: x(12_000) },
    { type: 'markdown', text: x(12_001) },
    'must be less than 12001 characters',
  ],
  [
    'markdown that becomes 50 blocks',
    { type: 'markdown', text: times(25, () => '# h\ntext').join('\n') },
    { type: 'markdown', text: times(26, () => '# h\ntext').join('\n') },
    'no more than 50 items allowed [json-pointer:/blocks]',
  ],
  [
    'label of 2,000',
    { type: 'input', label: plain(x(2000)), element: { type: 'plain_text_input', action_id: 'i' } },
    { type: 'input', label: plain(x(2001)), element: { type: 'plain_text_input', action_id: 'i' } },
    'must be less than 2001 characters',
  ],
  [
    'known properties',
    { type: 'divider' },
    { type: 'divider', text: plain('x') },
    'invalid additional property: text',
  ],
  [
    'known blocks',
    { type: 'divider' },
    { type: 'sections' },
    'unsupported type: sections [json-pointer:/blocks/0/type]',
  ],
]

let slack: SlackPeer
let client: WebClient
beforeAll(async () => {
  slack = await startSlack({ seed: 1, limits: 0 })
  client = webClient(slack.info)
})
afterEach(async () => await slack.reset())
afterAll(async () => await slack?.stop())

const ops = (): string => slack.info.channels.ops ?? ''
const blocks = (...list: object[]) => list as KnownBlock[]
const post = (more: object) => client.chat.postMessage({ channel: ops(), text: 'x', ...more })
const errorOf = async (call: Promise<unknown>): Promise<unknown> =>
  await call.then(
    () => 'nothing was refused',
    (error: { data?: unknown }) => error.data ?? error,
  )

describe('blocks', () => {
  it.each(blockLimits)('%s, when posted, changed and shown in a home', async (_, allowed, tooMuch, words) => {
    const { ts = '' } = await post({ blocks: blocks(allowed) })
    const refusal = { ok: false, error: 'invalid_blocks', errors: [expect.stringContaining(words)] }
    expect(await errorOf(post({ blocks: blocks(tooMuch) }))).toMatchObject(refusal)
    const changed = client.chat.update({ channel: ops(), ts, text: 'x', blocks: blocks(tooMuch) })
    expect(await errorOf(changed)).toMatchObject(refusal)
    const attached = post({ attachments: [{ color: '#fff', blocks: blocks(tooMuch) }] })
    expect(await errorOf(attached)).toMatchObject({ error: 'invalid_attachments' })
    const home: View = { type: 'home', blocks: blocks(tooMuch) }
    const published = client.views.publish({ user_id: slack.info.users.anna ?? '', view: home })
    expect(await errorOf(published)).toMatchObject({ error: 'invalid_arguments' })
    expect((await slack.read('ops')).map(({ edits }) => edits)).toEqual([0])
  })

  it.each<[string, object, object]>([
    [
      '51 blocks',
      { blocks: times(51, () => ({ type: 'divider' })) },
      { error: 'invalid_blocks', errors: ['no more than 50 items allowed [json-pointer:/blocks]'] },
    ],
    [
      'two blocks of one id',
      { blocks: times(2, () => ({ type: 'divider', block_id: 'a' })) },
      { error: 'invalid_blocks' },
    ],
    [
      'two tables',
      { blocks: [table(1, 1), table(1, 1)] },
      { error: 'invalid_attachments', errors: ['only_one_table_allowed'] },
    ],
    [
      'markdown of 12,000 in sum',
      { blocks: times(2, () => ({ type: 'markdown', text: x(6001) })) },
      { error: 'invalid_blocks' },
    ],
    [
      'over 13,200 characters in all',
      { blocks: times(5, () => ({ type: 'section', text: mrkdwn(x(2700)) })) },
      { error: 'msg_blocks_too_long' },
    ],
    ['a text over 40,000', { text: x(40_001) }, { error: 'msg_too_long' }],
    [
      '101 attachments',
      { attachments: times(101, () => ({ text: 'x' })) },
      { error: 'too_many_attachments' },
    ],
    ['nothing', { text: '' }, { error: 'no_text' }],
    ['blocks that are no list', { blocks: '{}' }, { error: 'invalid_blocks_format' }],
    ['metadata without a type', { metadata: { event_payload: {} } }, { error: 'invalid_metadata_format' }],
  ])('refuses %s', async (_, message, refusal) => {
    expect(await errorOf(post(message))).toMatchObject({ ok: false, ...refusal })
    expect(await slack.read('ops')).toEqual([])
  })

  it('allows a changed text of 4,000 characters', async () => {
    const { ts = '' } = await post({})
    await client.chat.update({ channel: ops(), ts, text: x(4000) })
    const longer = client.chat.update({ channel: ops(), ts, text: x(4001) })
    expect(await errorOf(longer)).toMatchObject({ error: 'msg_too_long' })
  })
})

describe('views', () => {
  const modal = (more: object) =>
    ({ type: 'modal', title: plain('x'), submit: plain('x'), blocks: [], ...more }) as View
  const input = { type: 'input', label: plain('x'), element: { type: 'plain_text_input', action_id: 'i' } }

  it.each<[string, object, string]>([
    [
      'title of 25',
      { title: plain(x(25)) },
      'must be less than 25 characters [json-pointer:/view/title/text]',
    ],
    ['submit of 25', { submit: plain(x(25)) }, 'must be less than 25 characters'],
    ['close of 25', { close: plain(x(25)) }, 'must be less than 25 characters'],
    ['private_metadata of 3,001', { private_metadata: x(3001) }, 'must be less than 3001 characters'],
    ['callback_id of 256', { callback_id: x(256) }, 'must be less than 256 characters'],
    ['101 blocks', { blocks: times(101, () => ({ type: 'divider' })) }, 'no more than 100 items allowed'],
    [
      'input without submit',
      { submit: undefined, blocks: [input] },
      'must define `submit` to use an `input` block',
    ],
    ['table', { blocks: [table(1, 1)] }, 'unsupported type: table'],
    ['no title', { title: undefined }, 'missing required field: title'],
  ])('refuses a modal with a %s', async (_, more, words) => {
    const refused = errorOf(client.views.open({ trigger_id: '1', view: modal(more) }))
    expect(await refused).toMatchObject({
      error: 'invalid_arguments',
      response_metadata: { messages: expect.arrayContaining([expect.stringContaining(words)]) },
    })
  })

  it('refuses an old hash, and a view that is not open', async () => {
    const home: View = { type: 'home', blocks: [] }
    const user_id = slack.info.users.anna ?? ''
    const { view } = await client.views.publish({ user_id, view: home })
    await client.views.publish({ user_id, view: home, hash: view?.hash ?? '' })
    const old = client.views.publish({ user_id, view: home, hash: view?.hash ?? '' })
    expect(await errorOf(old)).toMatchObject({ error: 'hash_conflict' })
    const gone = client.views.update({ view_id: 'V0', view: modal({}) })
    expect(await errorOf(gone)).toMatchObject({ error: 'not_found' })
  })
})
