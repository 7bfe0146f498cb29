import type { Json } from '../json.ts'
import { isObject, objects } from '../json.ts'
import type { Checker } from './checker.ts'

const OPTION_TEXT = 75
const OPTION_VALUE = 75

export function checkConfirm(checker: Checker, element: Json, path: string): void {
  const confirm = element.confirm
  const here = `${path}/confirm`
  if (confirm === undefined || !checker.object(confirm, here)) return
  checker.keys(confirm, here, ['title', 'text', 'confirm', 'deny', 'style'])
  checker.textObject(confirm, here, 'title', 100)
  checker.needTextObject(confirm, here, 'text', 300, false)
  checker.textObject(confirm, here, 'confirm', 30)
  checker.textObject(confirm, here, 'deny', 30)
  checker.oneOf(confirm, here, 'style', ['primary', 'danger'])
}

interface Kind {
  /** mrkdwn is allowed in radio buttons and checkboxes alone. */
  readonly plainOnly: boolean
  readonly most: number
  readonly url?: boolean
}

function checkOption(checker: Checker, option: unknown, path: string, { plainOnly, url }: Kind): void {
  if (!checker.object(option, path)) return
  checker.keys(option, path, ['text', 'value', 'description', ...(url ? ['url'] : [])])
  checker.needTextObject(option, path, 'text', OPTION_TEXT, plainOnly)
  checker.needText(option, path, 'value', OPTION_VALUE)
  checker.textObject(option, path, 'description', OPTION_TEXT, plainOnly)
  checker.text(option, path, 'url', 3000)
}

/** `options`, or `option_groups`, and what is chosen at the start, which must be one of them. */
export function checkOptions(checker: Checker, element: Json, path: string, kind: Kind): void {
  if (element.options === undefined && element.option_groups === undefined)
    checker.add(path, 'missing required field: options')
  for (const [index, option] of checker.items(element, path, 'options', kind.most).entries()) {
    checkOption(checker, option, `${path}/options/${index}`, kind)
  }
  for (const [index, group] of checker.items(element, path, 'option_groups', 100).entries()) {
    const here = `${path}/option_groups/${index}`
    if (!checker.object(group, here)) continue
    checker.needTextObject(group, here, 'label', OPTION_TEXT)
    checker.has(group, here, 'options')
    for (const [at, option] of checker.items(group, here, 'options', kind.most).entries()) {
      checkOption(checker, option, `${here}/options/${at}`, kind)
    }
  }
  const values = optionsOf(element).map(({ value }) => value)
  if (new Set(values).size < values.length) checker.add(path, 'option values must be unique')
  const initial = [
    ...(isObject(element.initial_option) ? [element.initial_option] : []),
    ...objects(element.initial_options),
  ]
  if (initial.some(({ value }) => !values.includes(value)))
    checker.add(path, 'initial_option must be one of the options')
}

/** All options of a select, in groups or not. */
export const optionsOf = (element: Json): readonly Json[] => [
  ...objects(element.options),
  ...objects(element.option_groups).flatMap((group) => objects(group.options)),
]
