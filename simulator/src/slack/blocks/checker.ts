/** Collects what is wrong with blocks, in the words of Slack's own refusals. */
import type { Json } from '../json.ts'
import { isObject } from '../json.ts'

const MOST_PROBLEMS = 20

export class Checker {
  readonly problems: string[] = []

  add(path: string, problem: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(`${problem} [json-pointer:${path}]`)
  }

  /** Slack refuses properties that it does not know. */
  keys(value: Json, path: string, known: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) this.add(path, `invalid additional property: ${key}`)
    }
  }

  has(value: Json, path: string, key: string): boolean {
    if (value[key] !== undefined && value[key] !== null) return true
    this.add(path, `missing required field: ${key}`)
    return false
  }

  /** A text of `least` to `most` characters, when it is there. */
  text(value: Json, path: string, key: string, most: number, least = 0): void {
    const text = value[key]
    if (text === undefined) return
    if (typeof text !== 'string') this.add(`${path}/${key}`, 'must provide a string')
    else if (text.length > most) this.add(`${path}/${key}`, `must be less than ${most + 1} characters`)
    else if (text.length < least) this.add(`${path}/${key}`, `must be more than ${least - 1} characters`)
  }

  needText(value: Json, path: string, key: string, most: number): void {
    if (this.has(value, path, key)) this.text(value, path, key, most, 1)
  }

  flag(value: Json, path: string, key: string): void {
    if (value[key] !== undefined && typeof value[key] !== 'boolean')
      this.add(`${path}/${key}`, 'must provide a boolean')
  }

  oneOf(value: Json, path: string, key: string, allowed: readonly string[]): void {
    if (value[key] !== undefined && !allowed.includes(String(value[key])))
      this.add(`${path}/${key}`, `must be one of: ${allowed.join(', ')}`)
  }

  /** The items of a list of `least` to `most` things; nothing when it is no such list. */
  items(value: Json, path: string, key: string, most: number, least = 1): readonly unknown[] {
    const items = value[key]
    if (items === undefined) return []
    if (!Array.isArray(items)) {
      this.add(`${path}/${key}`, 'must provide an array')
      return []
    }
    if (items.length > most) this.add(`${path}/${key}`, `no more than ${most} items allowed`)
    if (items.length < least) this.add(`${path}/${key}`, `no fewer than ${least} items allowed`)
    return items.slice(0, most)
  }

  object(value: unknown, path: string): value is Json {
    if (isObject(value)) return true
    this.add(path, 'must provide an object')
    return false
  }

  /** A text object: `{ type: 'plain_text' | 'mrkdwn', text }`. */
  textObject(parent: Json, path: string, key: string, most: number, plainOnly = true): void {
    const value = parent[key]
    const here = `${path}/${key}`
    if (value === undefined || !this.object(value, here)) return
    if (value.type === 'plain_text') this.keys(value, here, ['type', 'text', 'emoji'])
    else if (value.type === 'mrkdwn' && !plainOnly) this.keys(value, here, ['type', 'text', 'verbatim'])
    else {
      this.add(`${here}/type`, `unsupported type: ${String(value.type)}`)
      return
    }
    this.needText(value, here, 'text', most)
    this.flag(value, here, 'emoji')
    this.flag(value, here, 'verbatim')
  }

  needTextObject(parent: Json, path: string, key: string, most: number, plainOnly = true): void {
    if (this.has(parent, path, key)) this.textObject(parent, path, key, most, plainOnly)
  }
}
