/** A modal made of an operation's fields, and the command that a filled one means. */
import {
  commandText,
  type Field,
  fieldsOf,
  isHomelabError,
  type Operation,
  optionName,
  validateInput,
} from '@homelab/core'
import type { InputBlock, InputBlockElement, ModalView, PlainTextElement } from '@slack/types'
import type { Form } from '../chat/form.ts'
import type { Place } from '../chat/types.ts'
import { maxOptions, maxViewTitle } from './limits.ts'
import { clean, cut, oneLine, shown } from './text.ts'

export const formCallback = 'form'
const maxInput = 3_000

export interface FormMeta {
  readonly operation: string
  readonly place: Place
}

const plainText = (text: string): PlainTextElement => ({ type: 'plain_text', text, emoji: false })

export function formView({ operation, fields }: Form, place: Place): ModalView {
  const meta: FormMeta = { operation: operation.id, place }
  return {
    type: 'modal',
    callback_id: formCallback,
    private_metadata: JSON.stringify(meta),
    title: plainText(cut(shown(operation.title), maxViewTitle)),
    submit: plainText('Go'),
    close: plainText('Cancel'),
    blocks: [
      { type: 'section', text: plainText(cut(shown(operation.description), maxInput)) },
      ...fields.map(({ field, value }) => inputOf(field, value)),
    ],
  }
}

function inputOf(field: Field, value: string): InputBlock {
  const list = field.kind === 'list' ? 'Several with spaces between them.' : ''
  return {
    type: 'input',
    block_id: field.name,
    optional: !field.required || field.kind === 'boolean',
    label: plainText(labelOf(field)),
    hint: plainText(cut(`${shown(field.description)}${list === '' ? '' : `. ${list}`}`, 150)),
    element: elementOf(field, value),
  }
}

const labelOf = ({ name }: Field): string => {
  const words = optionName(name).replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function elementOf(field: Field, text: string): InputBlockElement {
  const action_id = 'value'
  switch (field.kind) {
    case 'boolean': {
      const yes = { text: plainText('Yes'), value: 'true' }
      return {
        type: 'checkboxes',
        action_id,
        options: [yes],
        ...(text === 'true' ? { initial_options: [yes] } : {}),
      }
    }
    case 'choice': {
      const options = (field.choices ?? [])
        .slice(0, maxOptions)
        .map((choice) => ({ text: plainText(cut(choice, 75)), value: choice }))
      const chosen = options.find((option) => option.value === text)
      return {
        type: 'static_select',
        action_id,
        options,
        ...(chosen === undefined ? {} : { initial_option: chosen }),
      }
    }
    case 'integer':
    case 'number':
      return {
        type: 'number_input',
        action_id,
        is_decimal_allowed: field.kind === 'number',
        ...(field.min === undefined ? {} : { min_value: String(field.min) }),
        ...(field.max === undefined ? {} : { max_value: String(field.max) }),
        ...(text === '' || !Number.isFinite(Number(text)) ? {} : { initial_value: text }),
      }
    case 'text':
    case 'list': {
      const most = field.kind === 'text' ? Math.min(maxInput, field.max ?? maxInput) : maxInput
      return {
        type: 'plain_text_input',
        action_id,
        max_length: most,
        ...(text === '' ? {} : { initial_value: cut(oneLine(clean(text)), most) }),
      }
    }
  }
}

/** What Slack sends of one input. */
export interface Filled {
  readonly value?: string | null
  readonly selected_option?: { readonly value?: string } | null
  readonly selected_options?: readonly unknown[]
}

export type Read =
  | { readonly text: string }
  /** By field, which is the block's id. */
  | { readonly errors: Readonly<Record<string, string>> }

/** The command that was filled in, or what is wrong with which field. */
export function readForm(
  operation: Operation,
  state: Readonly<Record<string, Readonly<Record<string, Filled>>>>,
): Read {
  const fields = fieldsOf(operation)
  const values: Record<string, unknown> = {}
  for (const field of fields) {
    const value = filledIn(field, state[field.name]?.value)
    if (value !== undefined) values[field.name] = value
  }
  try {
    return { text: commandText(operation, validateInput(operation, values)) }
  } catch (error) {
    if (!isHomelabError(error)) throw error
    const known = (error.data?.fields ?? {}) as Readonly<Record<string, unknown>>
    const errors = Object.entries(known).flatMap(([path, problem]) => {
      const field = fields.find(({ name }) => name === path.split('.')[0])
      return field === undefined ? [] : [[field.name, cut(String(problem), 150)] as const]
    })
    const [first] = fields
    if (errors.length === 0 && first !== undefined) errors.push([first.name, cut(error.message, 150)])
    return { errors: Object.fromEntries(errors) }
  }
}

function filledIn(field: Field, filled: Filled | undefined): unknown {
  const text = (filled?.value ?? '').trim()
  switch (field.kind) {
    case 'boolean':
      return (filled?.selected_options ?? []).length > 0
    case 'choice':
      return filled?.selected_option?.value
    case 'integer':
    case 'number':
      return text === '' ? undefined : Number(text)
    case 'list':
      return text === '' ? undefined : text.split(/[\s,]+/).filter((item) => item !== '')
    case 'text':
      return text === '' ? undefined : text
  }
}
