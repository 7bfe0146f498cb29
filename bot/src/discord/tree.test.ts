import { createRegistry, defineOperation, type Operation } from '@homelab/core'
import { operations } from '@homelab/core/operations'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { budget, commandTree, sizeOf } from './tree.ts'

interface Node {
  readonly type: number
  readonly name: string
  readonly description: string
  readonly required?: boolean
  readonly autocomplete?: boolean
  readonly options?: readonly Node[]
  readonly choices?: readonly { readonly name: string; readonly value: string }[]
}

const treeOf = (all: readonly Operation[]) => commandTree(createRegistry(all))

function check(node: Node): void {
  expect(node.name).toMatch(/^[-_\p{Ll}\p{N}]{1,32}$/u)
  expect(node.description.length).toBeGreaterThan(0)
  expect(node.description.length).toBeLessThanOrEqual(100)
  const options = node.options ?? []
  expect(options.length).toBeLessThanOrEqual(25)
  expect(new Set(options.map(({ name }) => name)).size).toBe(options.length)
  const required = options.map((option) => option.required === true)
  expect(required).toEqual(required.toSorted((a, b) => Number(b) - Number(a)))
  expect(node.choices?.length ?? 0).toBeLessThanOrEqual(25)
  expect(node.choices !== undefined && node.autocomplete === true).toBe(false)
  for (const { name, value } of node.choices ?? []) {
    expect(name.length).toBeLessThanOrEqual(100)
    expect(value.length).toBeLessThanOrEqual(100)
  }
  for (const option of options) check(option)
}

const made = (chat: string, description = 'Does it'): Operation =>
  defineOperation({
    id: `${chat.replace(' ', '').slice(0, 20)}.do` as const,
    chat,
    title: description,
    description,
    risk: 'read',
    permission: 'viewer',
    input: z.object({ name: z.string().describe('x'.repeat(100)) }),
    output: z.object({}),
    needs: [],
    run: async () => ({}),
    card: () => ({ title: 'done', tone: 'ok' }),
  })

describe('the tree of our operations', () => {
  const { command, left } = treeOf(operations)

  it('keeps every limit of Discord', () => check(command as unknown as Node))

  it('keeps the budget, and leaves out nothing but this', () => {
    expect(command.options.length).toBeLessThanOrEqual(budget.names)
    expect(sizeOf(command)).toBeLessThanOrEqual(budget.characters)
    // Reached by `/homelab do` alone: those that say so of themselves. Any other is one that people do not see.
    const rare = operations.filter(
      ({ rare: seldom, surfaces }) => seldom && (surfaces?.includes('chat') ?? true),
    )
    expect(left).toEqual(rare.map(({ chat }) => chat))
  })

  it('makes groups of two words and options of fields', () => {
    const restart = command.options.find(({ name }) => name === 'restart')
    expect(restart?.options).toMatchObject([
      { name: 'services', type: 3, required: true, autocomplete: true },
      { name: 'wait', type: 5 },
      { name: 'force', type: 5 },
      { name: 'timeout', type: 4, min_value: 5, max_value: 3600 },
    ])
    const guest = command.options.find(({ name }) => name === 'guest')
    expect(guest?.type).toBe(2)
    expect((guest?.options ?? []).map(({ name }) => name)).toContain('list')
    expect(command.options.at(-1)).toMatchObject({
      name: 'do',
      options: [{ name: 'command', required: true, autocomplete: true }],
    })
  })
})

it('leaves what is rare to `do`, whatever room there is', () => {
  const { command, left } = treeOf([made('box open'), { ...made('box close'), rare: true }])
  expect(command.options).toMatchObject([
    { name: 'box', description: 'box: open', options: [{ name: 'open' }] },
    { name: 'do' },
  ])
  expect(left).toEqual(['box close'])
})

it('leaves what is over the budget of names to `do`, but not what goes into a group that is there', () => {
  const letters = [...'abcdefghijklmnopqrstuvwxyz']
  const all = [...letters.map((letter) => made(`${letter}${letter}`)), made('zoo open'), made('box open')]
  const { command, left } = treeOf([made('box close'), ...all])
  expect(command.options).toHaveLength(budget.names)
  expect(left).toEqual([...letters.slice(budget.names - 2).map((letter) => `${letter}${letter}`), 'zoo open'])
  expect(command.options[0]).toMatchObject({ name: 'box', options: [{ name: 'close' }, { name: 'open' }] })
})

it('leaves what is over the budget of characters to `do`', () => {
  const letters = [...'abcdefghijklmnopqrstuvwxy']
  const all = letters.flatMap((letter) =>
    ['one', 'two'].map((verb) => made(`group${letter > 'j' ? 'b' : 'a'} ${letter}${verb}`, 'y'.repeat(100))),
  )
  const { command, left } = treeOf(all)
  expect(sizeOf(command)).toBeLessThanOrEqual(budget.characters)
  expect(sizeOf(command)).toBeGreaterThan(budget.characters - 300)
  expect(left.length).toBeGreaterThan(0)
  expect(left.length + command.options.reduce((sum, group) => sum + (group.options?.length ?? 0), -1)).toBe(
    50,
  )
})
