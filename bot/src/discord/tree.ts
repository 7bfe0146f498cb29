/** The `/homelab` command as Discord offers it, made from the operations. What its small tree has no room for, `do` takes. */
import { type Field, fieldsOf, type Operation, optionName, type Registry } from '@homelab/core'
import {
  type APIApplicationCommandBasicOption,
  type APIApplicationCommandSubcommandGroupOption,
  type APIApplicationCommandSubcommandOption,
  ApplicationCommandType,
  ApplicationCommandOptionType as OptionType,
} from 'discord.js'
import { limits } from './limits.ts'
import { cut, shorten } from './text.ts'

/** Below what Discord takes (25 names, 8,000 characters), so that one more operation does not break it. */
export const budget = { names: 22, characters: 7_000 } as const

export const rootName = 'homelab'
/** `/homelab do command:restart plex` */
export const anything = { name: 'do', option: 'command' } as const

type Entry = APIApplicationCommandSubcommandOption | APIApplicationCommandSubcommandGroupOption

export interface CommandTree {
  readonly type: ApplicationCommandType.ChatInput
  readonly name: string
  readonly description: string
  readonly options: readonly Entry[]
}

export interface Tree {
  readonly command: CommandTree
  /** Chat paths that are only reached by `do`. */
  readonly left: readonly string[]
}

const describe = (text: string): string => shorten(text.trim() || '…', 100)

export const isOffered = ({ surfaces }: Operation): boolean =>
  surfaces === undefined || surfaces.includes('chat')

export function commandTree(registry: Registry): Tree {
  const entries: Entry[] = [anythingEntry]
  const left: string[] = []
  const root = { name: rootName, description: 'The operations desk of your home server' }
  let characters = sizeOf(root) + sizeOf(anythingEntry)
  for (const operation of registry.all.filter(isOffered)) {
    if (operation.rare === true) {
      left.push(operation.chat)
      continue
    }
    const [first = '', second] = operation.chat.split(' ')
    const subcommand = subcommandOf(operation, second ?? first)
    const group = entries.find((entry) => entry.name === first)
    const size = sizeOf(subcommand)
    if (second !== undefined && group?.type === OptionType.SubcommandGroup) {
      const inside = group.options ?? []
      if (characters + size > budget.characters || inside.length >= limits.choices) left.push(operation.chat)
      else {
        group.options = [...inside, subcommand]
        characters += size
      }
      continue
    }
    const entry: Entry =
      second === undefined
        ? subcommand
        : {
            type: OptionType.SubcommandGroup,
            name: first,
            description: describe(groupTitle(first, registry)),
            options: [subcommand],
          }
    const own = sizeOf(entry)
    if (group !== undefined || entries.length >= budget.names || characters + own > budget.characters) {
      left.push(operation.chat)
      continue
    }
    // `do` stays the last, where it does not stand in the way of the daily ones.
    entries.splice(-1, 0, entry)
    characters += own
  }
  return { command: { type: ApplicationCommandType.ChatInput, ...root, options: entries }, left }
}

const anythingEntry: APIApplicationCommandSubcommandOption = {
  type: OptionType.Subcommand,
  name: anything.name,
  description: 'Any command, as you would type it',
  options: [
    {
      type: OptionType.String,
      name: anything.option,
      description: 'Such as: restart plex',
      required: true,
      autocomplete: true,
    },
  ],
}

const groupTitle = (group: string, { all }: Registry): string => {
  const verbs = all
    .filter(
      (operation) =>
        isOffered(operation) && operation.rare !== true && operation.chat.startsWith(`${group} `),
    )
    .map(({ chat }) => chat.slice(group.length + 1))
  return `${group}: ${verbs.join(', ')}`
}

const subcommandOf = (operation: Operation, name: string): APIApplicationCommandSubcommandOption => {
  const options = fieldsOf(operation).slice(0, 25).map(optionOf)
  return {
    type: OptionType.Subcommand,
    name,
    description: describe(operation.title),
    ...(options.length === 0 ? {} : { options }),
  }
}

const longestText = 6_000

function optionOf(field: Field): APIApplicationCommandBasicOption {
  const base = {
    name: cut(optionName(field.name), 32),
    description: describe(field.description),
    ...(field.required ? { required: true } : {}),
  }
  const bounds = {
    ...(field.min === undefined ? {} : { min_value: field.min }),
    ...(field.max === undefined ? {} : { max_value: field.max }),
  }
  switch (field.kind) {
    case 'boolean':
      return { ...base, type: OptionType.Boolean }
    case 'integer':
      return { ...base, type: OptionType.Integer, ...bounds }
    case 'number':
      return { ...base, type: OptionType.Number, ...bounds }
    case 'choice': {
      const choices = field.choices ?? []
      if (choices.length > limits.choices || choices.some((choice) => choice.length > limits.optionText))
        return { ...base, type: OptionType.String, autocomplete: true }
      return {
        ...base,
        type: OptionType.String,
        choices: choices.map((value) => ({ name: value, value })),
      }
    }
    case 'list':
      return { ...base, type: OptionType.String, ...suggested(field) }
    case 'text':
      return {
        ...base,
        type: OptionType.String,
        ...(field.min === undefined || field.min > longestText ? {} : { min_length: field.min }),
        ...(field.max === undefined || field.max < 1 ? {} : { max_length: Math.min(field.max, longestText) }),
        ...suggested(field),
      }
  }
}

const suggested = ({ suggest }: Field) => (suggest === undefined ? {} : { autocomplete: true as const })

interface Sized {
  readonly name: string
  readonly description: string
  readonly options?: readonly object[]
  readonly choices?: readonly { readonly name: string; readonly value: string | number }[]
}

/** Characters as Discord counts them: names, descriptions and choices of the whole tree. */
export function sizeOf({ name, description, options = [], choices = [] }: Sized): number {
  const own = name.length + description.length
  const chosen = choices.reduce((sum, choice) => sum + choice.name.length + String(choice.value).length, 0)
  return options.reduce((sum: number, option) => sum + sizeOf(option as Sized), own + chosen)
}
