/** Buttons, selects, text inputs and layout: what may stand where, how long and how many. */
import type { Form, Json, Path } from './form.ts'
import { isJson } from './form.ts'

export const component = {
  row: 1,
  button: 2,
  select: 3,
  input: 4,
  userSelect: 5,
  roleSelect: 6,
  mentionableSelect: 7,
  channelSelect: 8,
  section: 9,
  text: 10,
  thumbnail: 11,
  gallery: 12,
  file: 13,
  separator: 14,
  container: 17,
  label: 18,
  upload: 19,
} as const

const selects: readonly unknown[] = [3, 5, 6, 7, 8]
export const isSelect = (type: unknown): boolean => selects.includes(type)
const legacyTop: readonly unknown[] = [component.row]
const modernTop: readonly unknown[] = [1, 9, 10, 12, 13, 14, 17]
const inContainer: readonly unknown[] = [1, 9, 10, 12, 13, 14]
const modalTop: readonly unknown[] = [component.row, component.text, component.label]

const MOST = 40
const TEXT_TOTAL = 4_000

interface Tally {
  readonly form: Form
  readonly ids: Set<string>
  count: number
  text: number
  readonly modal: boolean
}

function customId({ form, ids }: Tally, path: Path, value: unknown): void {
  const at = [...path, 'custom_id']
  const id = form.text(at, value, { min: 1, max: 100, required: true })
  if (id === undefined) return
  if (ids.has(id)) form.add(at, 'COMPONENT_CUSTOM_ID_DUPLICATED', 'Component custom id cannot be duplicated')
  ids.add(id)
}

function button(tally: Tally, path: Path, value: Json): void {
  const { form } = tally
  form.oneOf([...path, 'style'], value.style, [1, 2, 3, 4, 5, 6])
  form.text([...path, 'label'], value.label, { max: 80 })
  if (value.style !== 6 && !value.label && !isJson(value.emoji))
    form.add(path, 'BUTTON_COMPONENT_INVALID_LABEL', 'A button must have a label or an emoji')
  if (value.style === 5) {
    form.text([...path, 'url'], value.url, { max: 512, required: true })
    if (value.custom_id !== undefined)
      form.add(path, 'BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE', 'A link has no custom id')
  } else if (value.style !== 6) customId(tally, path, value.custom_id)
}

function select(tally: Tally, path: Path, value: Json): void {
  const { form } = tally
  customId(tally, path, value.custom_id)
  form.text([...path, 'placeholder'], value.placeholder, { max: 150 })
  const low = form.whole([...path, 'min_values'], value.min_values, 0, 25) ?? 1
  const high = form.whole([...path, 'max_values'], value.max_values, 1, 25) ?? 1
  if (low > high)
    form.add([...path, 'max_values'], 'SELECT_COMPONENT_MAX_VALUES_LESS_THAN_MIN', 'Less than min_values')
  if (value.type !== component.select) return
  const at = [...path, 'options']
  const options = form.list(at, value.options, { min: 1, max: 25, required: true })
  const seen = new Set<unknown>()
  for (const [index, option] of options.entries()) {
    form.text([...at, index, 'label'], option.label, { max: 100, required: true })
    form.text([...at, index, 'value'], option.value, { max: 100, required: true })
    form.text([...at, index, 'description'], option.description, { max: 100 })
    if (seen.has(option.value))
      form.add(
        [...at, index, 'value'],
        'SELECT_COMPONENT_OPTION_VALUE_DUPLICATED',
        'The specified option value is already used',
      )
    seen.add(option.value)
  }
  if (options.length > 0 && high > options.length)
    form.add([...path, 'max_values'], 'SELECT_COMPONENT_MAX_VALUES_TOO_LARGE', 'More than there are options')
}

function input(tally: Tally, path: Path, value: Json): void {
  const { form } = tally
  customId(tally, path, value.custom_id)
  form.oneOf([...path, 'style'], value.style, [1, 2])
  // In a label it is the label that has the words.
  if (path.at(-1) !== 'component')
    form.text([...path, 'label'], value.label, { min: 1, max: 45, required: true })
  form.text([...path, 'placeholder'], value.placeholder, { max: 100 })
  form.text([...path, 'value'], value.value, { max: 4_000 })
  form.whole([...path, 'min_length'], value.min_length, 0, 4_000)
  form.whole([...path, 'max_length'], value.max_length, 1, 4_000)
}

function row(tally: Tally, path: Path, value: Json): void {
  const { form } = tally
  const at = [...path, 'components']
  const inside = form.list(at, value.components, { min: 1, max: 5, required: true })
  const choosers = inside.filter(({ type }) => isSelect(type) || type === component.input)
  if (choosers.length > 0 && inside.length > 1)
    form.add(at, 'COMPONENT_LAYOUT_WIDTH_EXCEEDED', 'The specified component exceeds the maximum width')
  const allowed = tally.modal ? [component.input] : [component.button, ...selects]
  each(tally, at, inside, allowed)
}

function each(tally: Tally, path: Path, list: readonly Json[], allowed: readonly unknown[]): void {
  for (const [index, value] of list.entries()) one(tally, [...path, index], value, allowed)
}

function section(tally: Tally, path: Path, value: Json): void {
  const at = [...path, 'components']
  const texts = tally.form.list(at, value.components, { min: 1, max: 3, required: true })
  each(tally, at, texts, [component.text])
  if (!isJson(value.accessory)) tally.form.required([...path, 'accessory'])
  else one(tally, [...path, 'accessory'], value.accessory, [component.button, component.thumbnail])
}

function container(tally: Tally, path: Path, value: Json): void {
  const at = [...path, 'components']
  tally.form.whole([...path, 'accent_color'], value.accent_color, 0, 0xffffff)
  each(tally, at, tally.form.list(at, value.components, { min: 1, max: MOST, required: true }), inContainer)
}

function label(tally: Tally, path: Path, value: Json): void {
  const { form } = tally
  form.text([...path, 'label'], value.label, { min: 1, max: 45, required: true })
  form.text([...path, 'description'], value.description, { max: 100 })
  const inner = [component.input, ...selects, component.upload]
  if (!isJson(value.component)) form.required([...path, 'component'])
  else one(tally, [...path, 'component'], value.component, inner)
}

function display(tally: Tally, path: Path, { content }: Json): void {
  const bounds = { min: 1, max: TEXT_TOTAL, required: true }
  tally.text += tally.form.text([...path, 'content'], content, bounds)?.length ?? 0
}

type Check = (tally: Tally, path: Path, value: Json) => void

const checks: Readonly<Record<number, Check>> = {
  [component.row]: row,
  [component.button]: button,
  [component.select]: select,
  [component.input]: input,
  [component.userSelect]: select,
  [component.roleSelect]: select,
  [component.mentionableSelect]: select,
  [component.channelSelect]: select,
  [component.section]: section,
  [component.text]: display,
  [component.gallery]: ({ form }, path, value) =>
    void form.list([...path, 'items'], value.items, { min: 1, max: 10, required: true }),
  [component.file]: ({ form }, path, value) => {
    if (!isJson(value.file)) form.required([...path, 'file'])
  },
  [component.container]: container,
  [component.label]: label,
  [component.upload]: (tally, path, value) => customId(tally, path, value.custom_id),
}

function one(tally: Tally, path: Path, value: Json, allowed: readonly unknown[]): void {
  tally.count += 1
  if (allowed.includes(value.type)) checks[Number(value.type)]?.(tally, path, value)
  else tally.form.oneOf([...path, 'type'], value.type, allowed)
}

/** The components of a message; `modern` is the flag of components-v2. */
export function checkComponents(form: Form, value: unknown, modern: boolean): readonly Json[] {
  const list = form.list(['components'], value, { max: modern ? MOST : 5 })
  const tally: Tally = { form, ids: new Set(), count: 0, text: 0, modal: false }
  each(tally, ['components'], list, modern ? modernTop : legacyTop)
  if (tally.count > MOST)
    form.add(['components'], 'COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED', `More than ${MOST} components in all`)
  if (tally.text > TEXT_TOTAL)
    form.add(
      ['components'],
      'COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED',
      `The displayable text is longer than ${TEXT_TOTAL}`,
    )
  return list
}

/** A form that opens as an answer. */
export function checkModal(form: Form, data: Json): void {
  form.text(['data', 'title'], data.title, { min: 1, max: 45, required: true })
  form.text(['data', 'custom_id'], data.custom_id, { min: 1, max: 100, required: true })
  const list = form.list(['data', 'components'], data.components, { min: 1, max: 5, required: true })
  const tally: Tally = { form, ids: new Set(), count: 0, text: 0, modal: true }
  each(tally, ['data', 'components'], list, modalTop)
}
