import type { Card } from '@homelab/core'
import type { APIEmbed } from 'discord.js'
import { expect, it } from 'vitest'
import { actionOf, readButtonId } from '../chat/buttons.ts'
import type { Posted } from '../chat/types.ts'
import { limits } from './limits.ts'
import { renderDiscord, renderPlain } from './render.ts'

const now = new Date('2026-11-25T12:00:00Z')

const posted = (card: Partial<Card>, more: Partial<Posted> = {}): Posted => ({
  id: 'discord:1',
  place: { surface: 'discord', channel: '1' },
  caller: { id: 'discord:2', name: 'Ann', role: 'admin', surface: 'chat' },
  command: 'restart plex',
  at: now.toISOString(),
  card: { title: 'plex is back', tone: 'ok', ...card },
  state: 'done',
  ...more,
})

const show = (card: Partial<Card>, more?: Partial<Posted>) => {
  const message = renderDiscord(posted(card, more), { now })
  return { ...message, embed: message.embeds[0] as APIEmbed, text: message.embeds[0]?.description ?? '' }
}

const sizeOf = ({ title, description, footer }: APIEmbed) =>
  (title?.length ?? 0) + (description?.length ?? 0) + (footer?.text.length ?? 0)

it('says with a mark and a colour how it is', () => {
  const { embed, allowed_mentions } = show({ text: 'It answers.', footer: 'run r1' })
  expect(embed).toMatchObject({
    title: '✅ plex is back',
    description: 'It answers.',
    footer: { text: 'run r1' },
  })
  expect(allowed_mentions).toEqual({ parse: [], replied_user: false })
})

it('shows what others wrote as it is', () => {
  const { embed, text } = show({
    title: '*bold* ||x||',
    text: '# h\n> q\n1. one\n- two\n[a](http://b) <@123> `c` _d_ :smile:',
  })
  expect(embed.title).toBe('✅ \\*bold\\* \\|\\|x\\|\\|')
  expect(text).toBe('\\# h\n\\> q\n1\\. one\n\\- two\n\\[a\\](http://b) \\<@123> \\`c\\` \\_d\\_ \\:smile:')
})

it('leaves addresses whole', () => {
  expect(show({ text: 'see https://pve.lan:8006/a_b_c?x=*y* now' }).text).toBe(
    'see https://pve.lan:8006/a_b_c?x=*y* now',
  )
})

it('lets nobody out of a code block', () => {
  const { text } = show({ sections: [{ kind: 'code', text: 'a ``` @everyone\n``````' }] })
  expect(text.match(/```/g)).toHaveLength(2)
  expect(text.startsWith('```\n') && text.endsWith('\n```')).toBe(true)
})

it('takes out what nobody sees and what turns the text around', () => {
  const { embed } = show({ title: 'a\u202Eb\u200B\u0000c\uD800' })
  expect(embed.title).toBe('✅ abc\uFFFD')
})

it('counts on in the client while it works', () => {
  const progress = { text: 'Rebooting plex', startedAt: '2026-11-25T11:59:48Z', expectedMs: 40_000 }
  const working = show({ tone: 'busy', progress }, { state: 'working' })
  expect(working.embed.title).toBe('⏳ plex is back')
  expect(working.text).toBe('▓▓▓░░░░░░░\nRebooting plex · 12 s, usually 40 s\n-# began <t:1795607988:R>')
  expect(show({ progress }).text).toBe('')
})

it('shows a table that fits side by side, one that nearly fits with its last column broken, any other folded', () => {
  const table = (columns: readonly string[], ...rows: readonly string[][]) =>
    show({ sections: [{ kind: 'table', columns: columns.map((name) => ({ name })), rows }] }).text
  expect(table(['Name', 'State'], ['plex', 'running'], ['n8n', 'stopped'])).toBe(
    '```\nName  State\nplex  running\nn8n   stopped\n```',
  )
  expect(table(['Command', 'What it does'], ['grant', 'Let somebody do something for a while longer'])).toBe(
    '```\nCommand  What it does\ngrant    Let somebody do something for a\n         while longer\n```',
  )
  const wide = table(
    ['Name', 'Where', 'Memory', 'Address'],
    ['a'.repeat(30), 'CT 110 on pve', '3.2 GiB of 8.0 GiB', '192.168.1.110'],
  )
  expect(wide).toBe(
    '```\nName\n  Where · Memory · Address\n' +
      `${'a'.repeat(30)}\n  CT 110 on pve · 3.2 GiB of 8.0 GiB\n  192.168.1.110\n\`\`\``,
  )
  for (const line of wide.split('\n')) expect(line.length).toBeLessThanOrEqual(44)
})

it('marks cells whose tone matters, and keeps right-to-left names in their cell', () => {
  const rows = [
    ['פלקס', { text: 'stopped', tone: 'error' as const }],
    ['日本', { text: '91 %', tone: 'warning' as const }],
  ]
  const { text } = show({
    sections: [{ kind: 'table', columns: [{ name: 'Name' }, { name: 'State' }], rows }],
  })
  expect(text).toBe('```\nName  State\n\u2068פלקס\u2069  ✗ stopped\n日本  ! 91 %\n```')
})

it('trims a long list, says by how much, and attaches the whole', () => {
  const items = Array.from({ length: 500 }, (_, index) => `service ${index} is fine`)
  const { text, files, embed } = show({ sections: [{ kind: 'list', title: 'Services', items }] })
  const [, left] = /… ([\d,]+) more\n-# The whole is in whole\.txt$/.exec(text) ?? []
  const shown = text.split('\n').filter((line) => line.startsWith('- ')).length
  expect(shown + Number(left)).toBe(500)
  expect(shown).toBeGreaterThan(100)
  expect(String(files[0]?.data)).toContain('- service 499 is fine')
  expect(sizeOf(embed)).toBeLessThanOrEqual(limits.embed)
})

it('shows the end of a log of a megabyte, and attaches all of it', () => {
  const log = Array.from({ length: 20_000 }, (_, index) => `line ${index} ${'x'.repeat(45)}`).join('\n')
  const { text, files } = show({ sections: [{ kind: 'code', text: log, keep: 'end' }] })
  expect(text).toContain(`line 19999 ${'x'.repeat(45)}\n\`\`\``)
  expect(text).toMatch(/^… 19,9\d\d more lines above\n```\n/)
  expect(String(files[0]?.data)).toContain('line 0 ')
  expect(text.length).toBeLessThanOrEqual(limits.description)
})

it('lets small parts stay whole beside a large one', () => {
  const { text } = show({
    text: 'First.',
    sections: [
      { kind: 'text', text: 'y'.repeat(50_000) },
      { kind: 'fields', fields: [{ name: 'Guest', value: 'CT 110' }] },
    ],
  })
  expect(text.startsWith('First.\nyyy')).toBe(true)
  expect(text).toContain('y…\n**Guest:** CT 110\n')
  expect(text.length).toBeLessThanOrEqual(limits.description)
})

it('gives every button the action that it stands for, 500 of them too', () => {
  const buttons = Array.from({ length: 500 }, (_, index) => ({
    label: `b${index}`,
    action: { kind: 'command' as const, text: `run show ${index}` },
  }))
  const card = { title: 'T', tone: 'ok' as const, buttons }
  const { components, text, files } = show(card)
  const shown = components.flatMap((row) => row.components)
  expect(shown).toHaveLength(25)
  for (const [index, button] of shown.entries()) {
    const id = 'custom_id' in button ? (readButtonId(button.custom_id) ?? undefined) : undefined
    expect(id && actionOf(card, id)).toEqual({ kind: 'command', text: `run show ${index}` })
  }
  expect(text).toContain('… 475 more to choose from')
  expect(String(files[0]?.data)).toContain('/homelab run show 499')
})

it('offers choices as menus, as many as there is room for beside the buttons', () => {
  const options = Array.from({ length: 60 }, (_, index) => ({
    label: `CT ${index}`,
    hint: 'on pve',
    action: { kind: 'command' as const, text: `guest show ${index}` },
  }))
  const card = { title: 'T', tone: 'ok' as const, choices: { prompt: 'Which one?', options } }
  const { components } = show(card)
  expect(components).toHaveLength(3)
  const last = components[2]?.components[0]
  if (last === undefined || !('options' in last)) throw new Error('no menu')
  expect(last).toMatchObject({ placeholder: 'Which one?', options: { length: 10 } })
  const id = readButtonId(last.options?.at(-1)?.value ?? '')
  expect(id && actionOf(card, id)).toEqual({ kind: 'command', text: 'guest show 59' })
})

it('is never empty, and joins too many files', () => {
  expect(show({ title: '' }, { command: '' }).embed.title).toBe('✅ …')
  const attachments = Array.from({ length: 30 }, (_, index) => ({
    name: `../a b${index}.txt`,
    type: 'text/plain',
    text: `text ${index}`,
  }))
  const { files } = show({ attachments })
  expect(files).toHaveLength(10)
  expect(files[0]?.name).toBe('_a_b0.txt')
  expect(String(files[9]?.data)).toContain('text 29')
})

it('has a plain form that Discord always takes', () => {
  const { content, embeds, files } = renderPlain(posted({ title: '*'.repeat(5_000), text: 'kept' }))
  expect(content?.length).toBeLessThanOrEqual(limits.content)
  expect(embeds).toEqual([])
  expect(String(files[0]?.data)).toContain('kept')
})
