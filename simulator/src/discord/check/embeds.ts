import type { Form, Json, Path } from './form.ts'
import { isJson } from './form.ts'

const TOTAL = 6_000

function part(form: Form, path: Path, value: unknown, name: string, max: number, required = true): number {
  if (value === undefined || value === null) return 0
  if (!isJson(value)) {
    form.add(path, 'MODEL_TYPE_CONVERT', 'Only dictionaries may be used in a ModelType')
    return 0
  }
  return form.text([...path, name], value[name], { max, required })?.trim().length ?? 0
}

function url(form: Form, path: Path, value: unknown, schemes = /^https?:\/\/|^attachment:\/\//): void {
  const text = form.text(path, value, { max: 2_048 })
  if (text !== undefined && !schemes.test(text))
    form.add(
      path,
      'URL_TYPE_INVALID_SCHEME',
      `Scheme "${text.split(':')[0]}" is not one of ('http', 'https').`,
    )
}

/** The characters of one embed that count. */
function embed(form: Form, path: Path, value: Json): number {
  let length = 0
  length += form.text([...path, 'title'], value.title, { max: 256 })?.trim().length ?? 0
  length += form.text([...path, 'description'], value.description, { max: 4_096 })?.trim().length ?? 0
  length += part(form, [...path, 'footer'], value.footer, 'text', 2_048)
  length += part(form, [...path, 'author'], value.author, 'name', 256)
  form.whole([...path, 'color'], value.color, 0, 0xffffff)
  url(form, [...path, 'url'], value.url)
  for (const name of ['image', 'thumbnail'] as const) {
    const picture = value[name]
    if (isJson(picture)) url(form, [...path, name, 'url'], picture.url)
  }
  const { timestamp } = value
  if (timestamp !== undefined && timestamp !== null && Number.isNaN(Date.parse(String(timestamp))))
    form.add([...path, 'timestamp'], 'DATE_TIME_TYPE_PARSE', `Could not parse ${String(timestamp)}.`)
  for (const [index, field] of form.list([...path, 'fields'], value.fields, { max: 25 }).entries()) {
    const at = [...path, 'fields', index]
    length += form.text([...at, 'name'], field.name, { max: 256, required: true })?.trim().length ?? 0
    length += form.text([...at, 'value'], field.value, { max: 1_024, required: true })?.trim().length ?? 0
  }
  return length
}

/** All embeds of one message, with the limit over all of them. */
export function checkEmbeds(form: Form, value: unknown): readonly Json[] {
  const embeds = form.list(['embeds'], value, { max: 10 })
  const total = embeds.reduce((sum, one, index) => sum + embed(form, ['embeds', index], one), 0)
  if (total > TOTAL)
    form.add(['embeds'], 'MAX_EMBED_SIZE_EXCEEDED', `Embed size exceeds maximum size of ${TOTAL}`)
  return embeds
}
