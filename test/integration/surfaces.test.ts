/** Every operation on every surface that it declares: what is derived from it is there and fits. */
import { readFileSync } from 'node:fs'
import {
  type Caller,
  commandText,
  createRegistry,
  fieldsOf,
  type Operation,
  parseCommand,
  roles,
  runnable,
  type Services,
  surfaces,
  usage,
} from '@homelab/core'
import { operations } from '@homelab/core/operations'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { operationsPage } from '../../scripts/generate.ts'

const registry = createRegistry(operations)

/** A surface's services by name only: whether an operation is offered depends on nothing else. */
const having = (...needs: (keyof Services)[]) =>
  Object.fromEntries(needs.map((need) => [need, {}])) as Partial<Services>
const everywhere = [
  'lab',
  'proxmox',
  'health',
  'shells',
  'monitoring',
  'clock',
  'secrets',
  'n8n',
  'network',
  'blueprints',
  'k3s',
  'rights',
  'caller',
  'commands',
  'about',
] as const
const bot = ['runs', 'grants', 'audit', 'approvals', 'schedules', 'incidents', 'maintenances'] as const
const offers: Record<Caller['surface'], Partial<Services>> = {
  chat: having(...everywhere, ...bot),
  api: having(...everywhere, ...bot),
  cli: having(...everywhere),
  n8n: having('lab', 'proxmox', 'health', 'clock'),
}

describe.each(registry.all.map((operation): [string, Operation] => [operation.id, operation]))(
  '%s',
  (_id, operation) => {
    it('has what the surfaces are made of', () => {
      expect(operation.title).toMatch(/^[A-Z][^.]*$/)
      expect(operation.description).toMatch(/\.$/)
      expect([...roles, 'everyone']).toContain(operation.permission)
      // Cancelling a run asks for the rights of what is cancelled.
      if (operation.risk !== 'read' && operation.id !== 'run.cancel')
        expect(['operator', 'admin']).toContain(operation.permission)
      for (const field of fieldsOf(operation)) {
        expect(field.name).toMatch(/^[a-z][a-zA-Z]*$/)
        expect(field.description).toMatch(/^[A-Z]/)
        // Discord's limits: an option's name and description.
        expect(field.description.length).toBeLessThanOrEqual(100)
      }
      expect(operation.title.length).toBeLessThanOrEqual(100)
    })

    it('understands its own examples, and writes them as it reads them', () => {
      for (const example of operation.examples ?? []) {
        const parsed = parseCommand(example, [operation])
        if (parsed.kind !== 'command') throw new Error(`"${example}" is not a command`)
        const again = parseCommand(commandText(operation, parsed.input), [operation])
        expect(again).toEqual(parsed)
      }
      expect(usage(operation)).toMatch(new RegExp(`^${operation.chat}`))
    })

    it('describes its output to n8n', () => {
      expect(() => z.toJSONSchema(operation.output, { io: 'output', unrepresentable: 'any' })).not.toThrow()
    })

    it('is offered on at least one surface', () => {
      expect(surfaces.filter((surface) => runnable(operation, surface, offers[surface]))).not.toEqual([])
    })
  },
)

it('offers each surface what it can do, and no more', () => {
  const offered = Object.fromEntries(
    surfaces.map((surface) => [
      surface,
      registry.all.filter((o) => runnable(o, surface, offers[surface])).map((o) => o.id),
    ]),
  )
  expect(offered).toMatchSnapshot()
})

it('keeps the top of the tree small enough for Discord', () => {
  const daily = registry.all.filter(({ rare }) => rare !== true)
  const names = new Set(daily.map((operation) => operation.chat.split(' ')[0]))
  expect(names.size).toBeLessThanOrEqual(20)
})

it('has a current reference page', () => {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  expect(page).toBe(operationsPage())
})
