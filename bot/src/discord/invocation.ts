/** What was chosen in a slash command: which operation, and with what. */

import type { Operation, Registry } from '@homelab/core'
import {
  type APIApplicationCommandInteractionDataOption,
  ApplicationCommandOptionType as OptionType,
} from 'discord.js'
import { lineOf, mentionsAsIds, type Values } from './line.ts'
import { anything } from './tree.ts'

type Option = APIApplicationCommandInteractionDataOption

export interface Invocation {
  /** `restart`, `guest list`, `do`. */
  readonly path: string
  readonly values: Values
  /** The option that is being typed. */
  readonly focused?: { readonly name: string; readonly typed: string }
}

/** What Discord sends of a command, and of one that is being typed. */
export interface InvocationData {
  readonly options?: readonly object[]
}

export function invocationOf({ options = [] }: InvocationData): Invocation {
  const path: string[] = []
  let inside: readonly Option[] = options as readonly Option[]
  for (;;) {
    const [only] = inside
    if (only?.type !== OptionType.Subcommand && only?.type !== OptionType.SubcommandGroup) break
    path.push(only.name)
    inside = (only.options ?? []) as readonly Option[]
  }
  const values: Record<string, string | number | boolean> = {}
  let focused: Invocation['focused']
  for (const option of inside) {
    if (!('value' in option)) continue
    values[option.name] = option.value
    if ('focused' in option && option.focused === true)
      focused = { name: option.name, typed: String(option.value) }
  }
  return { path: path.join(' '), values, ...(focused === undefined ? {} : { focused }) }
}

/** The command that it stands for. An operation that this version does not know is left to the desk to refuse. */
export function textOf({ path, values }: Invocation, registry: Registry): string {
  if (path === anything.name) return mentionsAsIds(String(values[anything.option] ?? ''))
  const operation: Operation | undefined = registry.byChat(path)
  if (operation === undefined) return [path, ...Object.values(values).map(String)].join(' ')
  return lineOf(operation, values)
}
