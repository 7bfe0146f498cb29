import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { isHomelabError } from '../errors.ts'
import type { Card } from './card.ts'
import { complete } from './complete.ts'
import { defineOperation } from './define.ts'
import { fieldsOf } from './fields.ts'
import { commandText, parseCommand, usage } from './grammar.ts'
import { createRegistry } from './registry.ts'

const common = {
  title: 'T',
  description: 'D.',
  risk: 'read',
  permission: 'viewer',
  output: z.object({}),
  needs: [],
  run: async () => ({}),
  card: (): Card => ({ title: '', tone: 'ok' }),
} as const

const restart = defineOperation({
  ...common,
  id: 'service.restart',
  chat: 'restart',
  input: z.object({
    services: z.array(z.string()).min(1).describe('Services').meta({ suggest: 'services' }),
    wait: z.boolean().default(true).describe('Wait'),
    timeout: z.int().min(5).max(3600).default(60).describe('Seconds'),
  }),
  positional: ['services'],
})
const logs = defineOperation({
  ...common,
  id: 'service.logs',
  chat: 'logs',
  input: z.object({
    lines: z.int().min(1).default(50).describe('Lines'),
    service: z.string().describe('Service').meta({ suggest: 'services' }),
    grep: z.string().optional().describe('Text'),
    order: z.enum(['newest', 'oldest']).default('newest').describe('Order'),
  }),
  positional: ['service'],
})
const guestList = defineOperation({ ...common, id: 'guest.list', chat: 'guest list', input: z.object({}) })
const guestShow = defineOperation({
  ...common,
  id: 'guest.show',
  chat: 'guest show',
  input: z.object({ guest: z.string().describe('Guest'), upid: z.string().optional().describe('Task') }),
  positional: ['guest'],
})
const guestExec = defineOperation({
  ...common,
  id: 'guest.exec',
  chat: 'guest exec',
  input: z.object({
    guest: z.string().describe('Guest'),
    command: z.array(z.string()).min(1).describe('Command').meta({ verbatim: true }),
    timeout: z.int().default(60).describe('Seconds'),
  }),
  positional: ['guest', 'command'],
})
const operations = [restart, logs, guestList, guestShow, guestExec]

const input = (line: string) => {
  const parsed = parseCommand(line, operations)
  if (parsed.kind !== 'command') throw new Error(`"${line}" is help`)
  return parsed.input
}
const problem = (line: string): string => {
  try {
    parseCommand(line, operations)
  } catch (error) {
    if (isHomelabError(error)) return `${error.code}: ${error.message}`
    throw error
  }
  throw new Error(`"${line}" was understood`)
}

describe('a command', () => {
  it('may name what a person would not, in any order', () => {
    expect(input('logs lines:3 service:plex')).toMatchObject({ service: 'plex', lines: 3 })
    expect(input('guest show guest:plex')).toMatchObject({ guest: 'plex' })
    expect(problem('guest show plex guest:plex')).toContain('does not take "plex"')
  })

  it.each([
    ['restart plex', { services: ['plex'], wait: true, timeout: 60 }],
    ['RESTART plex', { services: ['plex'], wait: true, timeout: 60 }],
    ['restart radarr sonarr', { services: ['radarr', 'sonarr'], wait: true, timeout: 60 }],
    ['restart radarr,sonarr', { services: ['radarr', 'sonarr'], wait: true, timeout: 60 }],
    ['restart @media', { services: ['@media'], wait: true, timeout: 60 }],
    ['restart plex wait:false', { services: ['plex'], wait: false, timeout: 60 }],
    ['restart plex --wait false', { services: ['plex'], wait: false, timeout: 60 }],
    ['restart plex --wait=no', { services: ['plex'], wait: false, timeout: 60 }],
    ['restart plex --no-wait', { services: ['plex'], wait: false, timeout: 60 }],
    ['restart --wait plex', { services: ['plex'], wait: true, timeout: 60 }],
    ['restart plex timeout:90', { services: ['plex'], wait: true, timeout: 90 }],
    ['logs plex grep:"not found" lines:5', { service: 'plex', grep: 'not found', lines: 5, order: 'newest' }],
    ['logs plex --grep “not found”', { service: 'plex', grep: 'not found', lines: 50, order: 'newest' }],
    ["logs plex grep:don't", { service: 'plex', grep: "don't", lines: 50, order: 'newest' }],
    ['logs service:plex order:OLDEST', { service: 'plex', lines: 50, order: 'oldest' }],
    ['guest show UPID:pve:000A:0:0::x:', { guest: 'UPID:pve:000A:0:0::x:' }],
    ['restart plex Wait:false', { services: ['plex'], wait: false, timeout: 60 }],
    ['guest show "--wait"', { guest: '--wait' }],
    ['guest show "--upid=x"', { guest: '--upid=x' }],
    ['logs plex --grep="a b"', { service: 'plex', grep: 'a b', lines: 50, order: 'newest' }],
  ])('%s', (line, expected) => {
    expect(input(line)).toEqual(expected)
  })

  it('survives being written out and read again', () => {
    for (const line of ['restart a b --no-wait', `logs 'say "x"' grep:"a  b"`, 'guest show 110']) {
      const parsed = parseCommand(line, operations)
      if (parsed.kind !== 'command') throw new Error('help')
      expect(input(commandText(parsed.operation, parsed.input))).toEqual(parsed.input)
    }
  })

  it.each([
    ['guest exec plex "df" "-h" timeout:5', ['df', '-h'], 5],
    ['guest exec plex -- df -h --help timeout:5 --', ['df', '-h', '--help', 'timeout:5', '--'], 60],
    [`guest exec plex -- a,b "it's" 'say "x"' "both '"'"'`, ['a,b', "it's", 'say "x"', `both '"`], 60],
    ['guest exec timeout:5 plex -- ""', [''], 5],
  ])('%s is taken word by word', (line, command, timeout) => {
    const parsed = parseCommand(line, operations)
    if (parsed.kind !== 'command') throw new Error('help')
    expect(parsed.input).toEqual({ guest: 'plex', command, timeout })
    expect(input(commandText(parsed.operation, parsed.input))).toEqual(parsed.input)
  })

  it('knows dry runs and help wherever they stand', () => {
    expect(parseCommand('restart --dry-run plex', operations)).toMatchObject({ dryRun: true })
    expect(parseCommand('restart plex dry-run:false', operations)).toMatchObject({ dryRun: false })
    expect(parseCommand('', operations)).toEqual({ kind: 'help' })
    expect(parseCommand('guest', operations)).toEqual({ kind: 'help', group: 'guest' })
    expect(parseCommand('restart --help', operations)).toEqual({ kind: 'help', operation: restart })
  })

  it.each([
    ['restrt plex', 'usage: No command "restrt". Did you mean restart?'],
    ['guest lst', 'usage: No command "guest lst". Did you mean list?'],
    ['restart', 'usage: services is missing: Services.'],
    ['restart plex --wiat false', 'usage: "restart" has no option "wiat". Did you mean wait?'],
    ['restart plex wiat:false', 'usage: "restart" has no option "wiat". Did you mean wait?'],
    ['restart plex wait:maybe', 'usage: wait is true or false, not "maybe".'],
    ['restart plex timeout:soon', 'usage: timeout is a whole number, at least 5 and at most 3600.'],
    ['restart plex timeout:1', 'usage: timeout is a whole number, at least 5 and at most 3600.'],
    [
      'logs plex order:newset',
      'usage: order cannot be "newset". Did you mean newest? It is one of newest, oldest.',
    ],
    ['logs plex sonarr', 'usage: "logs" does not take "sonarr".'],
    ['logs plex --grep', 'usage: --grep needs a value.'],
    ['logs plex lines:1 lines:2', 'usage: "lines" is given twice.'],
    ['logs plex grep:"open', 'usage: The quote opened at character 16 is never closed.'],
  ])('%s → %s', (line, message) => {
    expect(problem(line)).toBe(message)
  })

  it('names the word that was left out before what is to be run', () => {
    const run = defineOperation({
      ...common,
      id: 'update.run',
      chat: 'update run',
      input: z.object({ service: z.string().describe('Service') }),
      positional: ['service'],
    })
    const check = defineOperation({
      ...common,
      id: 'update.check',
      chat: 'update check',
      input: z.object({}),
    })
    expect(() => parseCommand('update plex', [run, check])).toThrow(
      expect.objectContaining({ hint: 'Type `update run plex`. update knows: run, check.' }),
    )
    // A slip of the finger is no name.
    expect(() => parseCommand('update chek', [run, check])).toThrow(
      expect.objectContaining({ hint: 'update knows: run, check.' }),
    )
  })

  it('refuses 64 KB of garbage without reading it', () => {
    expect(problem(`restart ${'x'.repeat(65_536)}`)).toMatch(/^usage: A command may have 4,000 characters/)
  })
})

describe('a form', () => {
  it('has required fields first, with their limits and defaults', () => {
    expect(fieldsOf(logs).map((field) => field.name)).toEqual(['service', 'lines', 'grep', 'order'])
    expect(fieldsOf(restart)[2]).toMatchObject({
      kind: 'integer',
      min: 5,
      max: 3600,
      default: 60,
      required: false,
    })
    expect(usage(restart)).toBe('restart <services…> [--no-wait] [--timeout <integer>]')
  })

  it('cannot be made of what a chat cannot hold', () => {
    const bad = (input: z.ZodObject) => () => defineOperation({ ...common, id: 'a.b', chat: 'a', input })
    expect(bad(z.object({ deep: z.object({ x: z.string() }).describe('D') }))).toThrow(/a\.b: input "deep"/)
    expect(bad(z.object({ when: z.date().describe('D') }))).toThrow(/input "when"/)
    expect(bad(z.object({ silent: z.string() }))).toThrow(/input "silent" has no description/)
  })

  it('is refused twice', () => {
    expect(() => createRegistry([restart, { ...logs, id: restart.id }])).toThrow(
      'two operations have the id service.restart',
    )
    expect(() => createRegistry([restart, { ...logs, chat: 'restart' }])).toThrow(
      'have the chat path "restart"',
    )
    expect(() => createRegistry([guestList, { ...logs, chat: 'guest' }])).toThrow('is hidden by service.logs')
    expect(() =>
      defineOperation({ ...common, id: 'a.b', chat: 'a', risk: 'change', input: z.object({}) }),
    ).toThrow('needs a plan')
  })
})

describe('completion', () => {
  const suggest = (_kind: string, typed: string) =>
    ['plex', 'prowlarr', 'radarr'].filter((name) => name.startsWith(typed)).map((value) => ({ value }))
  const values = (line: string) => complete(line, { operations, suggest }).map(({ value }) => value)
  const lines = (line: string) => complete(line, { operations, suggest }).map((completion) => completion.line)

  it.each([
    ['', ['restart', 'logs', 'guest']],
    ['re', ['restart']],
    ['guest ', ['list', 'show', 'exec']],
    ['restart p', ['plex', 'prowlarr']],
    ['restart plex p', ['prowlarr']],
    ['restart plex --t', ['--timeout']],
    ['logs plex --order ', ['newest', 'oldest']],
    ['logs plex order:o', ['order:oldest']],
    ['logs --grep x p', ['plex', 'prowlarr']],
    ['restart plex,ra', ['plex,radarr']],
    ['nonsense ', []],
    ['logs "unclosed', []],
  ])('of "%s"', (line, expected) => {
    expect(values(line)).toEqual(expected)
  })

  it('keeps what was typed before', () => {
    expect(lines('restart  plex  pr')).toEqual(['restart  plex  prowlarr '])
  })
})
