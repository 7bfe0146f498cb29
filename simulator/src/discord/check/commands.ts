/** Application commands: names, lengths, order and nesting, as they are checked when they are registered. */
import type { Json, Path } from './form.ts'
import { Form } from './form.ts'

const NAME = /^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u
const LONGEST = 8_000

export const optionType = {
  subcommand: 1,
  group: 2,
  string: 3,
  integer: 4,
  boolean: 5,
  user: 6,
  channel: 7,
  role: 8,
  mentionable: 9,
  number: 10,
  attachment: 11,
} as const

const choosable: readonly unknown[] = [optionType.string, optionType.integer, optionType.number]
const values: readonly unknown[] = [3, 4, 5, 6, 7, 8, 9, 10, 11]

function name(form: Form, path: Path, value: unknown): void {
  const text = form.text(path, value, { min: 1, max: 32, required: true })
  if (text === undefined || text.length > 32 || text === '') return
  if (!NAME.test(text)) form.add(path, 'STRING_TYPE_REGEX', 'String value did not match validation regex.')
  else if (text !== text.toLowerCase())
    form.add(path, 'APPLICATION_COMMAND_INVALID_NAME', 'Command name is invalid')
}

function choices(form: Form, path: Path, option: Json): void {
  if (option.choices === undefined || option.choices === null) return
  if (!choosable.includes(option.type))
    form.add(path, 'APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID', 'This option type has no choices')
  if (option.autocomplete === true)
    form.add(
      path,
      'APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE_MUTUALLY_EXCLUSIVE',
      'Choices and autocomplete exclude each other',
    )
  checkChoices(form, path, option.choices, option.type)
}

/** Choices of an option, and suggestions of an autocompletion. */
export function checkChoices(form: Form, path: Path, list: unknown, type: unknown): readonly Json[] {
  const found = form.list(path, list, { max: 25 })
  const seen = new Set<unknown>()
  for (const [index, choice] of found.entries()) {
    const at = [...path, index]
    form.text([...at, 'name'], choice.name, { min: 1, max: 100, required: true })
    if (type === optionType.string) form.text([...at, 'value'], choice.value, { max: 100, required: true })
    else if (typeof choice.value !== 'number')
      form.add([...at, 'value'], 'NUMBER_TYPE_COERCE', `Value "${String(choice.value)}" is not a number.`)
    if (seen.has(choice.name))
      form.add(at, 'APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS', 'Option choice name is taken')
    seen.add(choice.name)
  }
  return found
}

function options(form: Form, path: Path, list: unknown, depth: number): number {
  const found = form.list(path, list, { max: 25 })
  const nested = found.filter(({ type }) => type === 1 || type === 2)
  if (nested.length > 0 && nested.length < found.length)
    form.add(
      path,
      'APPLICATION_COMMAND_OPTIONS_TYPE_INVALID',
      'Sub-command and sub-command group option types are mutually exclusive to all other types',
    )
  const seen = new Set<unknown>()
  let optional = false
  let length = 0
  for (const [index, option] of found.entries()) {
    const at = [...path, index]
    const allowed = depth === 0 ? [1, 2, ...values] : depth === 1 ? [1] : values
    form.oneOf([...at, 'type'], option.type, allowed)
    name(form, [...at, 'name'], option.name)
    form.text([...at, 'description'], option.description, { min: 1, max: 100, required: true })
    if (seen.has(option.name))
      form.add(at, 'APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS', 'Option name is taken')
    seen.add(option.name)
    if (option.required === true && optional)
      form.add(
        at,
        'APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID',
        'Required options must be placed before non-required options',
      )
    if (option.required !== true) optional = true
    choices(form, [...at, 'choices'], option)
    length += sizeOf(option)
    // A group holds subcommands, a subcommand holds values.
    if (option.type === 1 || option.type === 2)
      length += options(form, [...at, 'options'], option.options, option.type === 2 ? 1 : 2)
  }
  return length
}

function sizeOf(option: Json): number {
  const own = String(option.name).length + String(option.description ?? '').length
  const list: readonly unknown[] = Array.isArray(option.choices) ? option.choices : []
  return list.reduce<number>((sum, choice) => {
    const { name: text, value } = choice as Json
    return sum + String(text).length + String(value).length
  }, own)
}

function command(form: Form, path: Path, value: Json): void {
  const kind = value.type ?? 1
  form.oneOf([...path, 'type'], kind, [1, 2, 3])
  if (kind === 1) {
    name(form, [...path, 'name'], value.name)
    form.text([...path, 'description'], value.description, { min: 1, max: 100, required: true })
  } else form.text([...path, 'name'], value.name, { min: 1, max: 32, required: true })
  const length = sizeOf(value) + options(form, [...path, 'options'], value.options, 0)
  if (length > LONGEST)
    form.add(path, 'APPLICATION_COMMAND_TOO_LARGE', `Command exceeds maximum size (${LONGEST})`)
}

/** @throws ApiError 50035 */
export function checkCommand(value: Json): void {
  const form = new Form()
  command(form, [], value)
  form.done()
}

/** @throws ApiError 50035 */
export function checkAllCommands(list: readonly Json[]): void {
  const form = new Form()
  const seen = new Set<string>()
  for (const [index, value] of list.entries()) {
    command(form, [index], value)
    const key = `${String(value.type ?? 1)} ${String(value.name)}`
    if (seen.has(key))
      form.add([index], 'APPLICATION_COMMANDS_DUPLICATE_NAME', 'Application command names must be unique')
    seen.add(key)
  }
  form.done()
}
