import { operations as core } from '@homelab/core/operations'
import type { INodeProperties } from 'n8n-workflow'
import { describe, expect, it } from 'vitest'
import { listSearch, loadOptions } from '../nodes/Homelab/names.ts'
import { operations, share } from '../nodes/Homelab/operations.ts'
import { overrides } from '../nodes/Homelab/overrides.ts'
import { propertiesOf } from '../nodes/Homelab/properties.ts'
import { isLong, runsWithFile } from './file/leave.ts'

const properties = propertiesOf(operations)

/** What the editor shows for one operation: name → property. */
function shown(resource: string, operation: string, authentication = 'bot'): Record<string, INodeProperties> {
  const chosen: Record<string, unknown> = {
    resource,
    operation,
    authentication,
    dryRun: false,
    waitForCompletion: true,
  }
  const visible = properties.filter(({ displayOptions }) =>
    Object.entries(displayOptions?.show ?? {}).every(([name, values]) =>
      (values as readonly unknown[]).includes(chosen[name]),
    ),
  )
  return Object.fromEntries(visible.map((property) => [property.name, property]))
}

describe('the form of the Homelab node', () => {
  it('offers every operation of its nouns, but no yes that is a person’s', () => {
    const offered = operations.map(({ operation }) => operation.id)
    const nouns = core
      .filter(({ surfaces }) => surfaces === undefined || surfaces.includes('n8n'))
      .map(({ id }) => id)
      .filter((id) => share.nouns.includes(id.split('.')[0] ?? ''))
    expect(nouns.filter((id) => !offered.includes(id)).sort()).toEqual(['approval.accept', 'approval.reject'])
    const own = properties
      .find(({ name }) => name === 'resource')
      ?.options?.map((each) => 'value' in each && each.value)
    expect(own).toEqual(expect.arrayContaining([...share.nouns, 'command']))
  })

  it('asks which way to the lab first, and has lists for names from both', () => {
    expect(properties[0]).toMatchObject({ name: 'authentication', default: 'bot' })
    expect(shown('service', 'restart').services).toMatchObject({
      type: 'multiOptions',
      typeOptions: { loadOptionsMethod: 'loadServices' },
    })
    expect(shown('backup', 'run').plan).toMatchObject({ type: 'resourceLocator' })
    const methods = properties.flatMap(({ typeOptions, modes = [] }) => [
      typeOptions?.loadOptionsMethod,
      ...modes.map((mode) => mode.typeOptions?.searchListMethod),
    ])
    const used = methods.filter((method) => typeof method === 'string')
    expect(used.length).toBeGreaterThan(5)
    expect(used.filter((method) => !(method in loadOptions) && !(method in listSearch))).toEqual([])
  })

  it('has a dry run and a yes for each change, and waits only where a bot goes on', () => {
    for (const { operation, resource, verb } of operations) {
      const names = Object.keys(shown(resource, verb))
      const change = operation.risk !== 'read'
      expect({ id: operation.id, has: ['dryRun', 'confirm'].filter((name) => names.includes(name)) }).toEqual(
        {
          id: operation.id,
          has: change ? ['dryRun', 'confirm'] : [],
        },
      )
      const waits = change && operation.immediate !== true
      expect(names.includes('waitForCompletion')).toBe(waits)
      expect(shown(resource, verb, 'file')).not.toHaveProperty('waitForCompletion')
    }
  })

  it('stays for a while with what takes long and has no bot to go on in', () => {
    for (const { operation, resource, verb } of operations) {
      const { id } = operation
      const stays = isLong(operation) && runsWithFile(operation)
      expect({ id, stay: 'stay' in shown(resource, verb, 'file') }).toEqual({ id, stay: stays })
      expect(shown(resource, verb)).not.toHaveProperty('stay')
    }
    expect(shown('command', 'get', 'file').stay).toMatchObject({ default: 0 })
    expect(Object.keys(shown('command', 'cancel', 'file'))).not.toContain('stay')
  })

  it('offers with a file alone what a file can do, and nothing that it cannot', () => {
    const offered = (name: string, resource: string, authentication: string) => {
      const property = properties.find(
        (each) =>
          each.name === name && (each.displayOptions?.show?.resource ?? [resource]).includes(resource),
      )
      return (property?.options ?? []).flatMap((option) => {
        const shown = 'displayOptions' in option ? option.displayOptions?.show?.authentication : undefined
        return 'value' in option && (shown ?? [authentication]).includes(authentication) ? [option.value] : []
      })
    }
    const ofFile = offered('resource', '', 'file')
    expect(ofFile).toEqual(['backup', 'command', 'graph', 'lab', 'service', 'storage', 'update'])
    expect(offered('resource', '', 'bot')).toEqual(expect.arrayContaining([...share.nouns]))
    for (const { operation, resource, verb } of operations) {
      const shown = ofFile.includes(resource) && offered('operation', resource, 'file').includes(verb)
      expect({ id: operation.id, shown }).toEqual({ id: operation.id, shown: runsWithFile(operation) })
      expect(offered('operation', resource, 'bot')).toContain(verb)
    }
    // A series of changes whose rest nobody would see to, or what only a bot has.
    expect(offered('operation', 'update', 'file')).toEqual(['check'])
    for (const verb of ['provision', 'deprovision'])
      expect(offered('operation', 'service', 'file')).not.toContain(verb)
  })

  it('shows each parameter once', () => {
    for (const { resource, verb } of operations) {
      const chosen = properties.filter(
        ({ displayOptions }) =>
          displayOptions?.show?.resource?.includes(resource) &&
          (displayOptions.show.operation ?? [verb]).includes(verb),
      )
      const names = chosen.map(({ name }) => name)
      expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
    }
  })

  it('keeps only overrides of operations that it offers, and of fields that exist', () => {
    const ids = new Set(operations.map(({ operation }) => operation.id))
    expect(Object.keys(overrides.operations).filter((id) => !ids.has(id as never))).toEqual([])
    for (const { operation, override } of operations) {
      const known = Object.keys(operation.input.shape)
      expect(Object.keys(override.fields ?? {}).filter((name) => !known.includes(name))).toEqual([])
      if (override.records !== undefined) expect(operation.output.shape).toHaveProperty(override.records)
    }
  })
})
