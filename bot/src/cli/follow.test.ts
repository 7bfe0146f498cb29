import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Card } from '@homelab/core'
import { expect, test } from 'vitest'
import type { Posted } from '../chat/types.ts'
import { follow } from './follow.ts'

const card: Card = {
  title: 'Audit log, 2 entries',
  tone: 'neutral',
  attachments: [{ name: 'audit-1-2.ndjson', type: 'application/x-ndjson', text: '{"seq":1}\n{"seq":2}\n' }],
}

/** What a terminal shows of a command that ends so. */
async function shown(
  change: Partial<Posted>,
  { json = false, tty = false }: { readonly json?: boolean; readonly tty?: boolean } = {},
) {
  const posted: Posted = {
    id: 'key-0001',
    place: { surface: 'cli', channel: 'inline' },
    caller: { id: 'cli:local', name: 'terminal', role: 'admin', surface: 'cli' },
    command: 'audit export',
    at: '2026-11-23T09:00:00.000Z',
    card,
    state: 'done',
    output: { entries: 2 },
    ...change,
  }
  const stream = () => Object.assign(new PassThrough(), { isTTY: tty, columns: 80 })
  const [out, err, input] = [stream(), stream(), stream()]
  const code = await follow(
    posted,
    {
      async *follow() {
        yield posted
      },
      press: async () => undefined,
    },
    { json, out, err, input } as unknown as Parameters<typeof follow>[2],
  )
  out.end()
  err.end()
  return { code, out: await text(out), err: await text(err) }
}

test('a pipe or a file gets what is attached and nothing else; the card is for the eye', async () => {
  const { code, out, err } = await shown({})

  expect(out).toBe('{"seq":1}\n{"seq":2}\n')
  expect(err).toContain('Audit log, 2 entries')
  expect(code).toBe(0)
})

test('a person sees the card, what is attached, and how to get it', async () => {
  const { out, err } = await shown({}, { tty: true })

  expect(out).toContain('Audit log, 2 entries')
  expect(out).toContain('audit-1-2.ndjson, 20 B')
  expect(out).toContain('> file')
  expect(out).not.toContain('{"seq":1}')
  expect(err).not.toContain('Audit log')
})

test('--json is the output of the operation, attached or not', async () => {
  const { out, err } = await shown({}, { json: true })

  expect(JSON.parse(out)).toEqual({ entries: 2 })
  expect(err).toBe('')
})

test('what failed is told where one looks for it, whatever hangs on its card', async () => {
  const failed = { card: { ...card, title: 'It failed', text: 'The disk is full.' }, error: 'failed' }

  const { code, out } = await shown(failed)

  expect(out).toContain('The disk is full.')
  expect(out).not.toContain('{"seq":1}')
  expect(code).toBe(1)
})

test('a card without anything attached goes where it always went', async () => {
  const { out, err } = await shown({ card: { title: 'Lab', tone: 'ok' } })

  expect(out).toContain('Lab')
  expect(err).toBe('')
})
