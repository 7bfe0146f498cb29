import { createRegistry, defineOperation } from '@homelab/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { formOf } from '../chat/form.ts'
import { formView, readForm } from './form.ts'

const backup = defineOperation({
  id: 'backup.make',
  chat: 'backup make',
  title: 'Make a backup of something that has a very long title',
  description: 'Makes one.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    services: z.array(z.string()).min(1).describe('What to back up'),
    mode: z.enum(['full', 'fast']).default('full').describe('How'),
    keep: z.int().min(1).max(10).default(3).describe('How many to keep'),
    verify: z.boolean().default(true).describe('Read it back'),
    note: z.string().max(20).optional().describe('For people'),
  }),
  output: z.object({}),
  positional: ['services'],
  needs: [],
  run: () => Promise.resolve({}),
  card: () => ({ title: 'done', tone: 'ok' }),
})
const registry = createRegistry([backup])
const place = { surface: 'slack', channel: 'C1' }
const option = (value: string) => ({ text: { type: 'plain_text', text: value }, value })

describe('a form', () => {
  it('is filled in as far as the command goes', () => {
    const form = formOf('backup make plex sonarr keep:5 mode:fast', registry.all)
    if (form === undefined) throw new Error('no form')
    const view = formView(form, place)
    const inputs = view.blocks.filter(({ type }) => type === 'input') as unknown as {
      block_id: string
      optional: boolean
      element: Record<string, unknown>
    }[]
    expect(view.title.text.length).toBeLessThanOrEqual(24)
    expect(inputs.map(({ block_id, optional }) => [block_id, optional])).toEqual([
      ['services', false],
      ['mode', true],
      ['keep', true],
      ['verify', true],
      ['note', true],
    ])
    expect(inputs.map(({ element }) => element)).toMatchObject([
      { type: 'plain_text_input', initial_value: 'plex sonarr' },
      { type: 'static_select', initial_option: { value: 'fast' } },
      { type: 'number_input', initial_value: '5', min_value: '1', max_value: '10' },
      { type: 'checkboxes', initial_options: [{ value: 'true' }] },
      { type: 'plain_text_input', max_length: 20 },
    ])
    expect(JSON.parse(view.private_metadata ?? '')).toEqual({ operation: 'backup.make', place })
  })

  it('becomes the command that one would have typed', () => {
    const read = readForm(backup, {
      services: { value: { value: ' plex,  sonarr ' } },
      mode: { value: { selected_option: option('full') } },
      keep: { value: { value: '7' } },
      verify: { value: { selected_options: [] } },
      note: { value: { value: 'before the move' } },
    })
    expect(read).toEqual({ text: 'backup make plex sonarr keep:7 verify:false note:"before the move"' })
  })

  it('says under each field what is wrong with it', () => {
    const read = readForm(backup, { services: { value: { value: ', ' } }, keep: { value: { value: '70' } } })
    expect(read).toEqual({
      errors: {
        services: expect.stringContaining('missing'),
        keep: expect.stringContaining('at most 10'),
      },
    })
  })
})
