/** Who asks, and whether it is for real. */
import type { IExecuteFunctions } from 'n8n-workflow'
import { describe, expect, it } from 'vitest'
import { operations } from '../nodes/ProxmoxVe/operations.ts'
import { overrides } from '../nodes/ProxmoxVe/overrides.ts'
import { inventoryOf } from './backup/plan.ts'
import { isAgent, isDryRun, saysYes } from './execute.ts'
import { propertiesOf } from './form.ts'
import { permitChange } from './rights.ts'

const surface = (id: string) => {
  const found = operations.find(({ operation }) => operation.id === id)
  if (found === undefined) throw new Error(`no operation ${id}`)
  return found
}
const restart = surface('guest.restart')

const calledBy = (node: object, isToolExecution?: () => boolean) =>
  ({ getNode: () => ({ type: 'x.proxmoxVe', ...node }), isToolExecution }) as unknown as IExecuteFunctions
const filledIn = (values: Record<string, unknown>) =>
  ({
    getNodeParameter: (name: string, _: number, fallback: unknown) =>
      name in values ? values[name] : fallback,
  }) as unknown as IExecuteFunctions

describe('an AI agent', () => {
  it.each([
    ['that runs its tools itself', calledBy({}, () => true)],
    ['whose tools the engine runs', calledBy({ rewireOutputLogTo: 'ai_tool' }, () => false)],
    ['whose tool is the node made one', calledBy({ type: 'x.proxmoxVeTool' }, () => false)],
    ['of an n8n that does not tell', calledBy({ type: 'x.proxmoxVeTool' })],
  ])('is known: one %s', (_, context) => {
    expect(isAgent(context)).toBe(true)
  })

  it('is nobody else', () => {
    expect(isAgent(calledBy({}, () => false))).toBe(false)
    expect(isAgent(calledBy({}))).toBe(false)
  })

  it.each(['true', 1, {}, null])('may change nothing by %j', (aiMayChange) => {
    const rights = { aiMayChange } as unknown as { aiMayChange: boolean }
    expect(() => permitChange(restart.operation, rights, true)).toThrow('AI agents may only read')
  })
})

describe('a switch that an expression fills', () => {
  it.each(['true', 'false', 1, 0, '', null, undefined])('makes no real run of %j', (dryRun) => {
    expect(() => isDryRun(filledIn({ dryRun }), restart, 0)).toThrow('Dry Run is neither true nor false')
  })

  it('is taken as it is when it is one', () => {
    expect(isDryRun(filledIn({ dryRun: true }), restart, 0)).toBe(true)
    expect(isDryRun(filledIn({ dryRun: false }), restart, 0)).toBe(false)
    expect(isDryRun(filledIn({}), restart, 0)).toBe(false)
  })

  it.each(['true', 'false', 1, 0, '', null])('confirms nothing, and protects: %j', (value) => {
    expect(saysYes(filledIn({ confirm: value }), restart, 0)).toBe(false)
    const readOnly = { readOnly: value } as unknown as { readOnly: boolean }
    expect(() => permitChange(restart.operation, readOnly, false)).toThrow('read-only')
    const restic = { backend: 'other', repository: '/r', password: 'x', appendOnly: value } as never
    const ssh = { host: 'h', port: 22, user: 'root' } as never
    const [repository] = inventoryOf({ name: 'p', kind: 'files' }, restic, ssh).repositories
    expect(repository).toMatchObject({ append_only: true })
  })

  it('permits what is off or absent', () => {
    for (const rights of [{}, { readOnly: false }])
      expect(() => permitChange(restart.operation, rights, false)).not.toThrow()
  })
})

it.each(['guest.resize', 'guest.set', 'guest.stop', 'guest.shutdown', 'guest.restart'])(
  '%s offers the yes that its plan may ask for',
  (id) => {
    const { resource, verb } = surface(id)
    const shown = propertiesOf(operations, overrides).filter(
      ({ name, displayOptions }) =>
        name === 'confirm' &&
        displayOptions?.show?.resource?.includes(resource) &&
        displayOptions.show.operation?.includes(verb),
    )
    expect(shown).toHaveLength(1)
  },
)
