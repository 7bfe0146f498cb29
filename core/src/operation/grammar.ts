/**
 * The one command grammar of every text surface: `restart plex`, `restart radarr sonarr`, `restart plex wait:false`,
 * `restart plex --wait false`, `logs plex grep:"not found"`, `restart --help`.
 */
import type { z } from 'zod'
import { HomelabError } from '../errors.ts'
import { didYouMean, nearest } from '../nearest.ts'
import { type Field, fieldsOf } from './fields.ts'
import type { Operation } from './types.ts'
import { quoted, quoteWord, type Word, wordsOf } from './words.ts'

/** Options that every command understands, besides its own. */
export const commonOptions = ['dry-run', 'help'] as const

export type Parsed =
  | {
      readonly kind: 'command'
      readonly operation: Operation
      /** Validated, with defaults. */
      readonly input: Record<string, unknown>
      readonly dryRun: boolean
    }
  | { readonly kind: 'help'; readonly operation?: Operation; readonly group?: string }

/** camelCase fields are typed with dashes. */
export const optionName = (field: string): string => field.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)

/**
 * @param operations those that the caller is offered: others are unknown to it
 * @throws HomelabError `usage` with the nearest command or option, or the field that is wrong
 */
export function parseCommand(line: string, operations: readonly Operation[]): Parsed {
  const words = wordsOf(line)
  const [first] = words
  if (first === undefined) return { kind: 'help' }
  if (words.length === 1 && isHelp(first)) return { kind: 'help' }
  const found = findOperation(words, operations)
  if ('group' in found) return { kind: 'help', group: found.group }
  const { operation, rest } = found
  const end = rest.findIndex(isEnd)
  if (rest.slice(0, end < 0 ? rest.length : end).some(isHelp)) return { kind: 'help', operation }
  const { values, dryRun } = readOptions(operation, rest)
  return { kind: 'command', operation, input: validate(operation, values), dryRun }
}

const isHelp = (word: Word): boolean =>
  !word.quoted && (word.text === '--help' || word.text === '-h' || word.text === '-?')

/** `--`: what follows are plain words, whatever they look like. */
const isEnd = (word: Word): boolean => !word.quoted && word.text === '--'

type Found = { readonly operation: Operation; readonly rest: readonly Word[] } | { readonly group: string }

/** The longest chat path that the line begins with. */
export function findOperation(words: readonly Word[], operations: readonly Operation[]): Found {
  const [first, second] = words.map((word) => word.text.toLowerCase())
  if (first === undefined)
    throw new HomelabError('usage', 'Nothing to do.', { hint: 'Type `help` for the commands.' })
  const two = operations.find((operation) => operation.chat === `${first} ${second}`)
  if (two !== undefined) return { operation: two, rest: words.slice(2) }
  const one = operations.find((operation) => operation.chat === first)
  if (one !== undefined) return { operation: one, rest: words.slice(1) }
  const group = operations.filter((operation) => operation.chat.startsWith(`${first} `))
  if (group.length > 0) {
    const verbs = group.map((operation) => operation.chat.split(' ')[1] ?? '')
    if (second === undefined || second.startsWith('-')) return { group: first }
    const close = nearest(second, verbs, 2)
    // `update plex`: what is to be run may well be named without the word for it.
    const meant =
      close.length === 0 && verbs.includes('run') ? `Type \`${first} run ${short(second)}\`. ` : ''
    throw new HomelabError('usage', `No command "${first} ${short(second)}".${didYouMean(second, verbs)}`, {
      hint: `${meant}${first} knows: ${verbs.join(', ')}.`,
      data: { name: second, nearest: close },
    })
  }
  const names = [
    ...new Set(operations.flatMap((operation) => [operation.chat, operation.chat.split(' ')[0] ?? ''])),
  ]
  throw new HomelabError('usage', `No command "${short(first)}".${didYouMean(first, names)}`, {
    hint: 'Type `help` for the commands.',
    data: { name: first, nearest: nearest(first, names, 2) },
  })
}

const short = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text)

type Values = Record<string, string | string[]>

function readOptions(operation: Operation, words: readonly Word[]): { values: Values; dryRun: boolean } {
  const fields = fieldsOf(operation)
  const byOption = new Map(fields.map((field) => [optionName(field.name), field]))
  const positional = fields
    .filter((f) => f.position !== undefined)
    .sort((a, b) => (a.position ?? 0) - (b.position ?? 0))
  const values: Values = {}
  const plain: Word[] = []
  let dryRun = false

  const set = (field: Field, value: string) => {
    if (field.verbatim) {
      values[field.name] = [...(values[field.name] ?? []), value]
      return
    }
    if (field.kind === 'list') {
      const items = value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '')
      values[field.name] = [...(values[field.name] ?? []), ...items]
      return
    }
    if (values[field.name] !== undefined)
      throw new HomelabError('usage', `"${optionName(field.name)}" is given twice.`)
    values[field.name] = value
  }

  for (let index = 0; index < words.length; index++) {
    const word = words[index]
    if (word === undefined) break
    if (isEnd(word)) {
      plain.push(...words.slice(index + 1))
      break
    }
    const option = optionIn(word, byOption)
    if (option === undefined) {
      plain.push(word)
      continue
    }
    if (option.name === 'dry-run') {
      dryRun = option.value === undefined || truth(option.value, 'dry-run')
      continue
    }
    const negated = option.name.startsWith('no-') ? byOption.get(option.name.slice(3)) : undefined
    const field = byOption.get(option.name)
    if (field === undefined) {
      if (negated?.kind === 'boolean' && option.value === undefined) {
        set(negated, 'false')
        continue
      }
      throw unknownOption(operation, option.name, byOption)
    }
    if (option.value !== undefined) {
      set(field, option.value)
      continue
    }
    const following = words[index + 1]
    if (field.kind === 'boolean') {
      const takes = following !== undefined && /^(true|false|yes|no|on|off)$/i.test(following.text)
      set(field, takes ? following.text : 'true')
      if (takes) index++
    } else if (following === undefined) {
      throw new HomelabError('usage', `--${option.name} needs a value.`, {
        hint: `Usage: ${usage(operation)}`,
      })
    } else {
      set(field, following.text)
      index++
    }
  }
  // After the named ones, so that a form may name what a person would not: a place that is taken is passed over.
  const places = positional.filter((field) => field.kind === 'list' || values[field.name] === undefined)
  for (const [index, word] of plain.entries()) {
    const field = places[Math.min(index, places.length - 1)]
    if (field === undefined || (index >= places.length && field.kind !== 'list')) {
      throw new HomelabError('usage', `"${operation.chat}" does not take "${short(word.text)}".`, {
        hint: `Usage: ${usage(operation)}`,
      })
    }
    set(field, word.text)
  }
  return { values, dryRun }
}

/** `--name`, `--name=value` or `name:value` where name is an option; a UPID or a URL is a plain word. */
function optionIn(
  word: Word,
  options: ReadonlyMap<string, Field>,
): { name: string; value?: string } | undefined {
  if (word.literal) return undefined
  const long = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/is.exec(word.text)
  if (long !== null) {
    const name = (long[1] ?? '').toLowerCase()
    return long[2] === undefined ? { name } : { name, value: long[2] }
  }
  const colon = /^([a-z][a-z0-9-]*):(.*)$/is.exec(word.text)
  // A phone writes `Wait:false`; `UPID:pve:…` is a value though `upid` is an option.
  if (colon === null || /^[A-Z]{2}/.test(word.text)) return undefined
  const name = (colon[1] ?? '').toLowerCase()
  if (options.has(name) || name === 'dry-run') return { name, value: colon[2] ?? '' }
  // A near miss is a typo in the option; anything else with a colon is a value.
  return didYouMean(name, options.keys()) === '' ? undefined : { name, value: colon[2] ?? '' }
}

function unknownOption(
  operation: Operation,
  name: string,
  options: ReadonlyMap<string, Field>,
): HomelabError {
  const names = [...options.keys(), ...commonOptions]
  return new HomelabError(
    'usage',
    `"${operation.chat}" has no option "${short(name)}".${didYouMean(name, names)}`,
    {
      hint: `Usage: ${usage(operation)}`,
    },
  )
}

function truth(value: string, name: string): boolean {
  if (/^(true|yes|on|1)$/i.test(value)) return true
  if (/^(false|no|off|0)$/i.test(value)) return false
  throw new HomelabError('usage', `${name} is true or false, not "${short(value)}".`)
}

/** Turns the typed texts into the schema's types and lets the schema judge them. */
function validate(operation: Operation, values: Values): Record<string, unknown> {
  const typed: Record<string, unknown> = {}
  for (const field of fieldsOf(operation)) {
    const value = values[field.name]
    if (value === undefined) continue
    if (field.kind === 'boolean') typed[field.name] = truth(String(value), optionName(field.name))
    else if (field.kind === 'integer' || field.kind === 'number') typed[field.name] = Number(value)
    else if (field.kind === 'choice') typed[field.name] = String(value).toLowerCase()
    else typed[field.name] = value
  }
  return validateInput(operation, typed)
}

/** For surfaces that have typed values already (forms, the API). @throws HomelabError `usage`, naming each field */
export function validateInput(
  operation: Operation,
  values: Record<string, unknown>,
): Record<string, unknown> {
  const checked = operation.input.safeParse(values)
  if (checked.success) return checked.data
  const error: z.ZodError = checked.error
  const problems = error.issues.map((issue) => problem(operation, issue, values))
  throw new HomelabError('usage', problems.join(' '), {
    hint: `Usage: ${usage(operation)}`,
    data: {
      operation: operation.chat,
      fields: Object.fromEntries(error.issues.map((issue, i) => [issue.path.join('.'), problems[i]])),
    },
  })
}

function problem(operation: Operation, issue: z.core.$ZodIssue, values: Record<string, unknown>): string {
  const name = String(issue.path[0] ?? '')
  const field = fieldsOf(operation).find((candidate) => candidate.name === name)
  if (field === undefined) return issue.message
  const option = optionName(name)
  const value = values[name]
  if (value === undefined || (Array.isArray(value) && value.length === 0))
    return `${option} is missing: ${field.description}.`
  const shown = short(String(value))
  if (field.choices !== undefined) {
    return `${option} cannot be "${shown}".${didYouMean(shown, field.choices)} It is one of ${field.choices.join(', ')}.`
  }
  if (field.kind === 'integer' || field.kind === 'number') {
    const range = [
      field.min === undefined ? '' : `at least ${field.min}`,
      field.max === undefined ? '' : `at most ${field.max}`,
    ]
    const limits = range.filter((part) => part !== '').join(' and ')
    return `${option} is a${field.kind === 'integer' ? ' whole' : ''} number${limits === '' ? '' : `, ${limits}`}.`
  }
  return `${option}: ${issue.message}.`
}

/** `restart <services…> [--wait true|false]` */
export function usage(operation: Operation): string {
  const parts = fieldsOf(operation).map((field) => {
    const name = optionName(field.name)
    const list = field.kind === 'list' ? '…' : ''
    if (field.position !== undefined) return field.required ? `<${name}${list}>` : `[${name}${list}]`
    const value =
      field.kind === 'boolean'
        ? ''
        : field.choices === undefined
          ? ` <${field.kind}>`
          : ` ${field.choices.join('|')}`
    const text = field.kind === 'boolean' && field.default === true ? `--no-${name}` : `--${name}${value}`
    return field.required ? text : `[${text}]`
  })
  return [operation.chat, ...parts].join(' ')
}

/** The command that a person would type for this input; the inverse of `parseCommand`. */
export function commandText(operation: Operation, input: Record<string, unknown>): string {
  const parts = [operation.chat]
  for (const field of fieldsOf(operation)) {
    const value = input[field.name]
    if (value === undefined || value === field.default) continue
    const quote = field.verbatim ? quoted : quoteWord
    const texts = (Array.isArray(value) ? value : [value]).map((item) => quote(String(item)))
    if (texts.length === 0) continue
    parts.push(
      field.position === undefined ? `${optionName(field.name)}:${texts.join(',')}` : texts.join(' '),
    )
  }
  return parts.join(' ')
}
