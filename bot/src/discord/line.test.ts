import { type Completion, createRegistry, parseCommand } from '@homelab/core'
import { operations } from '@homelab/core/operations'
import { describe, expect, it } from 'vitest'
import { lineChoices, optionChoices } from './complete.ts'
import { formLine, modalOf } from './form.ts'
import { invocationOf, textOf } from './invocation.ts'
import { quoted } from './line.ts'

const registry = createRegistry(operations)
const caller = { id: 'discord:1', name: 'Ann', role: 'admin', surface: 'chat' } as const

const typed = (path: readonly string[], values: Record<string, string | number | boolean>) => {
  const options: object[] = Object.entries(values).map(([name, value]) => ({ type: 3, name, value }))
  const nested = path
    .toReversed()
    .reduce((inside, name, index) => [{ type: index === 0 ? 1 : 2, name, options: inside }], options)
  return textOf(invocationOf({ options: nested }), registry)
}

const inputOf = (line: string) => {
  const parsed = parseCommand(line, operations)
  return parsed.kind === 'command' ? parsed.input : parsed.kind
}

describe('a slash command as a line', () => {
  it.each([
    [['restart'], { services: 'radarr sonarr', wait: false }, 'restart radarr sonarr wait:false'],
    [['restart'], { services: '@media', timeout: 90 }, 'restart @media timeout:90'],
    [['guest', 'list'], {}, 'guest list'],
    [['guest', 'list'], { state: 'stopped' }, 'guest list state:stopped'],
    [['logs'], { service: 'plex', grep: 'not "found"' }, `logs plex grep:'not "found"'`],
    [['do'], { command: 'restart plex' }, 'restart plex'],
    [['do'], { command: 'grant <@!174000000000000001> restart' }, 'grant discord:174000000000000001 restart'],
  ])('%j %j', (path, values, line) => {
    expect(typed(path, values)).toBe(line)
  })

  it('means what was chosen, whatever it looks like', () => {
    for (const grep of ['wait:false', '--help', `it's "x"`, 'a b', '“q”', ''])
      expect(inputOf(typed(['logs'], { service: 'plex', grep }))).toMatchObject({ service: 'plex', grep })
    expect(inputOf(typed(['task', 'log'], { upid: 'UPID:pve:0001:vzreboot:110:root@pam:' }))).toMatchObject({
      upid: 'UPID:pve:0001:vzreboot:110:root@pam:',
    })
  })

  it('quotes with what is not in it', () => {
    expect([`a b`, `a "b"`, `'"`, `'"”»x`].map(quoted)).toEqual([`"a b"`, `'a "b"'`, `“'"”`, `"''”»x"`])
  })
})

describe('completion', () => {
  const known = ['plex', 'postgresql', 'not found']
  const complete = (line: string): readonly Completion[] => {
    const start = line.lastIndexOf(':') + 1
    const word = line.slice(start).replaceAll('"', '')
    return known
      .filter((value) => value.startsWith(word))
      .map((value) => ({ value: `services:${quoted(value)}`, line: `restart ${value} `, label: 'CT 110' }))
  }
  const restart = registry.byChat('restart')
  if (restart === undefined) throw new Error('no restart')

  it('offers what goes on from the last word of a list', () => {
    expect(optionChoices(complete, restart, 'services', 'plex p', caller)).toEqual([
      { name: 'plex postgresql · CT 110', value: 'plex postgresql' },
    ])
    expect(optionChoices(complete, restart, 'services', 'no', caller)).toEqual([
      { name: 'not found · CT 110', value: 'not found' },
    ])
  })

  it('offers whole lines for do, and nothing that is too long for Discord', () => {
    expect(lineChoices(complete, 'restart services:p', caller)[0]).toEqual({
      name: 'restart plex · CT 110',
      value: 'restart plex',
    })
    const long = () => [{ value: 'x', line: 'y'.repeat(101), label: '' }]
    expect(lineChoices(long, '', caller)).toEqual([])
    const many = () =>
      Array.from({ length: 60 }, (_, i) => ({ value: 'x', line: `l${i}`, label: 'z'.repeat(200) }))
    const offered = lineChoices(many, '', caller)
    expect(offered).toHaveLength(25)
    for (const { name } of offered) expect(name.length).toBeLessThanOrEqual(100)
  })
})

describe('a form', () => {
  it('is filled in as far as the command goes, within the limits', () => {
    const modal = modalOf('restart plex wait:false', registry)
    expect(modal).toMatchObject({ custom_id: 'form:restart', title: 'Restart a service' })
    const inputs = (modal?.components ?? []).flatMap((row) => ('components' in row ? row.components : []))
    expect(inputs).toMatchObject([
      { custom_id: 'services', required: true, value: 'plex' },
      { custom_id: 'wait', value: 'false', placeholder: 'true or false' },
      { custom_id: 'force', value: 'false' },
      { custom_id: 'timeout', value: '60', placeholder: 'at least 5, at most 3600' },
    ])
    for (const input of inputs) if ('label' in input) expect(input.label?.length).toBeLessThanOrEqual(45)
  })

  it('comes back as the command', () => {
    const line = formLine(
      'form:restart',
      { services: 'plex, radarr', wait: 'false', timeout: '60' },
      registry,
    )
    expect(inputOf(line ?? '')).toMatchObject({ services: ['plex', 'radarr'], wait: false, timeout: 60 })
    expect(formLine('other:restart', {}, registry)).toBeUndefined()
    expect(formLine('form:nothing', {}, registry)).toBeUndefined()
  })

  it('is for every operation', () => {
    for (const { chat } of operations) {
      const modal = modalOf(chat, registry)
      expect(modal?.components.length ?? 1).toBeLessThanOrEqual(5)
      expect(modal?.custom_id.length ?? 0).toBeLessThanOrEqual(100)
    }
  })
})
