import { HomelabError } from '@homelab/core'
import { operations } from '@homelab/core/operations'
import type { INodeProperties } from 'n8n-workflow'
import { describe, expect, it } from 'vitest'
import { overrides } from '../nodes/ProxmoxVe/overrides.ts'
import { propertiesOf, type Surfaced, surfaced } from './form.ts'
import { inputOf } from './input.ts'
import { recordsOf } from './output.ts'
import { permitChange } from './rights.ts'

const all = surfaced(operations, overrides)
const properties = propertiesOf(all, overrides)

function surface(id: string): Surfaced {
  const found = all.find(({ operation }) => operation.id === id)
  if (found === undefined) throw new Error(`no operation ${id}`)
  return found
}

/** What the editor shows for one operation: name → property, those of collections included. */
function shown(id: string): Record<string, INodeProperties> {
  const { resource, verb } = surface(id)
  const visible = properties.filter(
    ({ displayOptions }) =>
      displayOptions?.show?.resource?.includes(resource) && displayOptions.show.operation?.includes(verb),
  )
  const nested = visible.flatMap(({ options }) => (options ?? []) as INodeProperties[])
  return Object.fromEntries([...visible, ...nested].map((property) => [property.name, property]))
}

const parameters = (values: Record<string, unknown>) => ({
  getNodeParameter: ((name: string, _: number, fallback: unknown) => values[name] ?? fallback) as never,
})

describe('the form of a node', () => {
  it('offers every operation under its noun', () => {
    const offered = properties
      .filter(({ name }) => name === 'operation')
      .flatMap(({ displayOptions, options }) =>
        (options ?? []).map(
          (option) => `${displayOptions?.show?.resource}.${(option as { value: string }).value}`,
        ),
      )
    expect(offered.sort()).toEqual(all.map(({ resource, verb }) => `${resource}.${verb}`).sort())
  })

  it('takes kinds, limits and defaults from the input schema', () => {
    const { timeout, force, guest } = shown('guest.restart')
    expect(timeout).toMatchObject({
      displayName: 'Timeout (Seconds)',
      type: 'number',
      typeOptions: { minValue: 5, maxValue: 3600, numberPrecision: 0 },
      default: 60,
    })
    expect(force).toMatchObject({ type: 'boolean', default: false })
    expect(guest).toMatchObject({
      type: 'resourceLocator',
      required: true,
      default: { mode: 'list', value: '' },
    })
    expect(guest?.modes?.map(({ displayName }) => displayName)).toEqual(['From List', 'By ID', 'By Name'])
    expect(shown('service.restart').services).toMatchObject({
      type: 'string',
      typeOptions: { multipleValues: true },
      default: [],
    })
    expect(shown('guest.list').type).toMatchObject({
      type: 'options',
      options: [
        { name: 'LXC', value: 'lxc' },
        { name: 'QEMU', value: 'qemu' },
      ],
    })
  })

  it('offers a limit and a short form for lists of records', () => {
    expect(Object.keys(shown('guest.list')).sort()).toEqual(
      ['filters', 'limit', 'name', 'node', 'returnAll', 'simplify', 'state', 'type'].sort(),
    )
    expect(shown('guest.list').limit?.displayOptions?.show?.returnAll).toEqual([false])
  })

  it('does not offer what an override hides', () => {
    expect(shown('guest.restart')).not.toHaveProperty('wait')
  })

  it('words every boolean as n8n does', () => {
    const booleans = operations
      .flatMap(({ id }) => Object.values(shown(id)))
      .filter(({ type }) => type === 'boolean')
    expect(booleans.length).toBeGreaterThan(3)
    for (const { description } of booleans) expect(description).toMatch(/^Whether to [a-z]|^Whether [a-z]/)
  })

  it('keeps only overrides of operations that exist', () => {
    const ids = new Set(operations.map(({ id }) => id))
    expect(Object.keys(overrides.operations).filter((id) => !ids.has(id as never))).toEqual([])
  })
})

describe('what a person filled in', () => {
  it('is the operation’s input, with its own defaults for what is empty', () => {
    const guest = { __rl: true, mode: 'id', value: 110 }
    expect(inputOf(parameters({ guest, options: { timeout: '90' } }), surface('guest.restart'), 0)).toEqual({
      guest: '110',
      wait: true,
      force: false,
      timeout: 90,
    })
    expect(
      inputOf(parameters({ filters: { name: '', state: 'stopped' } }), surface('guest.list'), 0),
    ).toEqual({
      state: 'stopped',
    })
  })

  it('takes a list as fields, as an array from an expression, or with commas', () => {
    for (const services of [['radarr', ' sonarr'], 'radarr, sonarr,']) {
      expect(inputOf(parameters({ services }), surface('service.restart'), 0)).toMatchObject({
        services: ['radarr', 'sonarr'],
      })
    }
  })

  it('hands the words of a command on as they are', () => {
    const command = ['sh', '-c', 'echo " a, b "']
    expect(inputOf(parameters({ guest: 'plex', command }), surface('guest.exec'), 0)).toMatchObject({
      command,
    })
  })

  it('names the field that is missing or wrong', () => {
    const read = (values: Record<string, unknown>) => () =>
      inputOf(parameters(values), surface('guest.restart'), 0)
    expect(read({ guest: { __rl: true, mode: 'name', value: '' } })).toThrow(/^guest is missing/)
    expect(read({ guest: 'plex', options: { timeout: 4 } })).toThrow(/^timeout is a whole number, at least 5/)
  })
})

describe('the items of a list', () => {
  const guests = [110, 111, 112].map((vmid) => ({ vmid, name: `ct${vmid}`, maxcpu: 4 }))
  const records = (values: Record<string, unknown>) =>
    recordsOf(parameters(values), surface('guest.list'), { guests, total: 3 }, 0)

  it('are one for each record, up to the limit, short or whole', () => {
    expect(records({ limit: 2 })).toEqual([
      { vmid: 110, name: 'ct110' },
      { vmid: 111, name: 'ct111' },
    ])
    expect(records({ returnAll: true, limit: 2, simplify: false })).toEqual(guests)
  })

  it('are the output itself where there is no list', () => {
    expect(recordsOf(parameters({}), surface('guest.restart'), { vmid: 110 }, 0)).toEqual([{ vmid: 110 }])
  })
})

describe('the credential’s rights', () => {
  const { operation: restart } = surface('guest.restart')
  const { operation: list } = surface('guest.list')

  it('stop a change by a read-only credential, and by an AI agent unless it may', () => {
    expect(() => permitChange(restart, { readOnly: true, aiMayChange: true }, false)).toThrow(HomelabError)
    expect(() => permitChange(restart, {}, true)).toThrow(/AI agents may only read/)
    permitChange(restart, {}, false)
    permitChange(restart, { aiMayChange: true }, true)
  })

  it('let everyone read', () => {
    permitChange(list, { readOnly: true }, true)
  })
})
