/** All that a person reads in a message, as lines. */
import type { Json } from './check/form.ts'
import { isJson } from './check/form.ts'

const strings = (...values: readonly unknown[]): string[] =>
  values.filter((value): value is string => typeof value === 'string' && value !== '')

const inner = (value: unknown, name: string): unknown => (isJson(value) ? value[name] : undefined)

export function* walk(list: readonly Json[]): Generator<Json> {
  for (const value of list) {
    yield value
    if (Array.isArray(value.components)) yield* walk(value.components.filter(isJson))
    if (isJson(value.accessory)) yield* walk([value.accessory])
    if (isJson(value.component)) yield* walk([value.component])
  }
}

/** Where mentions ring: the content, and the texts of components-v2. */
export const textsOf = (content: string, components: readonly Json[]): string[] => [
  ...strings(content),
  ...[...walk(components)].flatMap(({ type, content: text }) => (type === 10 ? strings(text) : [])),
]

const embedLines = (embed: Json): string[] => [
  ...strings(inner(embed.author, 'name'), embed.title, embed.description),
  ...(Array.isArray(embed.fields) ? embed.fields : []).flatMap((field: unknown) =>
    strings(inner(field, 'name'), inner(field, 'value')),
  ),
  ...strings(inner(embed.footer, 'text')),
]

interface Shown {
  readonly content: string
  readonly embeds: readonly Json[]
  readonly components: readonly Json[]
  readonly attachments: readonly { readonly filename: string }[]
}

export function textOf({ content, embeds, components, attachments }: Shown): string {
  return [
    ...textsOf(content, components),
    ...embeds.flatMap(embedLines),
    ...attachments.map(({ filename }) => filename),
    ...[...walk(components)].flatMap(({ label, placeholder }) => strings(label, placeholder)),
  ].join('\n')
}
