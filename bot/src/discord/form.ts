/** The form of an operation as a modal, filled in as far as a half-typed command goes. */
import { type Field, optionName, type Registry } from '@homelab/core'
import { type APIModalInteractionResponseCallbackData, ComponentType, TextInputStyle } from 'discord.js'
import { formOf } from '../chat/form.ts'
import { limits } from './limits.ts'
import { lineOf } from './line.ts'
import { cut, shorten } from './text.ts'

const formPrefix = 'form:'

export const isForm = (customId: string): boolean => customId.startsWith(formPrefix)

type Texts = Readonly<Record<string, string>>

/** @returns undefined when the text begins with no command, or when there is nothing to fill in */
export function modalOf(
  text: string,
  registry: Registry,
): APIModalInteractionResponseCallbackData | undefined {
  const form = formOf(text, registry.all)
  if (form === undefined || form.fields.length === 0) return undefined
  const { operation } = form
  const rank = ({ field, value }: (typeof form.fields)[number]) =>
    field.required ? 0 : isUsual(field, value) ? 2 : 1
  const sorted = form.fields.toSorted((a, b) => rank(a) - rank(b))
  const shown = sorted.slice(0, limits.modalInputs)
  // What has no input of its own goes with the form.
  const rest = sorted.slice(limits.modalInputs).filter(({ field, value }) => !isUsual(field, value))
  const carried = `${formPrefix}${lineOf(operation, byOption(rest))}`
  return {
    custom_id: carried.length <= limits.customId ? carried : `${formPrefix}${operation.chat}`,
    title: shorten(operation.title, limits.modalTitle),
    components: shown.map(({ field, value }) => ({
      type: ComponentType.ActionRow,
      components: [inputOf(field, value)],
    })),
  }
}

const byOption = (fields: readonly { readonly field: Field; readonly value: string }[]): Texts =>
  Object.fromEntries(fields.map(({ field, value }) => [optionName(field.name), value]))

const isUsual = (field: Field, value: string): boolean =>
  value.trim() === '' || value === String(field.default ?? '')

function inputOf(field: Field, value: string) {
  const name = optionName(field.name)
  const hint = placeholder(field)
  return {
    type: ComponentType.TextInput as const,
    custom_id: name,
    style: TextInputStyle.Short,
    label: shorten(`${name}: ${field.description}`, limits.inputLabel),
    required: field.required,
    ...(hint === '' ? {} : { placeholder: shorten(hint, limits.inputPlaceholder) }),
    ...(value === '' ? {} : { value: cut(value, limits.inputValue) }),
  }
}

function placeholder({ kind, choices = [], min, max }: Field): string {
  if (kind === 'choice') return choices.join(', ')
  if (kind === 'boolean') return 'true or false'
  if (kind === 'list') return 'one or more, with spaces between them'
  if (kind === 'text') return ''
  const bounds = [min === undefined ? '' : `at least ${min}`, max === undefined ? '' : `at most ${max}`]
  return bounds.filter((bound) => bound !== '').join(', ')
}

/** The command that a filled-in form stands for; undefined for a form that is not ours. */
export function formLine(customId: string, inputs: Texts, registry: Registry): string | undefined {
  const form = isForm(customId) ? formOf(customId.slice(formPrefix.length), registry.all) : undefined
  if (form === undefined) return undefined
  const filled = form.fields.flatMap(({ field, value: before }) => {
    const value = inputs[optionName(field.name)] ?? before
    return isUsual(field, value) ? [] : [{ field, value }]
  })
  return lineOf(form.operation, byOption(filled))
}
