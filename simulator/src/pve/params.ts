/** Parameters, checked as PVE's JSONSchema does: every one that is not in the schema is refused. */
import { badParameters } from './error.ts'

export interface Param {
  readonly type: 'string' | 'integer' | 'number' | 'boolean'
  readonly optional?: boolean
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly pattern?: RegExp
  readonly format?: 'node' | 'vmid' | 'configid' | 'storage' | 'dns-name'
  readonly requires?: string
}

export type Params = Readonly<Record<string, Param>>
export type Values = Readonly<Record<string, string>>

export const text: Param = { type: 'string' }
export const flag: Param = { type: 'boolean', optional: true }
export const vmid: Param = { type: 'integer', minimum: 100, maximum: 999_999_999, format: 'vmid' }
export const node: Param = { type: 'string', format: 'node' }
export const maybe = (param: Param): Param => ({ ...param, optional: true })
export const oneOf = (...values: readonly string[]): Param => ({ type: 'string', enum: values })
export const whole = (minimum?: number, maximum?: number): Param => ({
  type: 'integer',
  optional: true,
  ...(minimum !== undefined && { minimum }),
  ...(maximum !== undefined && { maximum }),
})

const formats: Readonly<Record<NonNullable<Param['format']>, readonly [RegExp, string]>> = {
  node: [/^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$/, 'value does not look like a valid node name'],
  vmid: [/^[1-9][0-9]{2,8}$/, 'value does not look like a valid VM ID'],
  configid: [/^[a-z][a-z0-9_-]+$/i, 'invalid configuration ID'],
  storage: [/^[a-z][a-z0-9\-_.]*[a-z0-9]$/i, 'storage ID contains illegal characters'],
  'dns-name': [
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i,
    'value does not look like a valid DNS name',
  ],
}

/** Why this value is refused, or undefined. */
function problem(param: Param, value: string): string | undefined {
  const wrongType = `type check ('${param.type}') failed - got '${value}'`
  // In a form only 1 and 0 are booleans: `true` is not.
  if (param.type === 'boolean') return value === '1' || value === '0' ? undefined : wrongType
  if (param.type === 'integer' && !/^[+-]?\d+$/.test(value)) return wrongType
  if (param.type === 'number' && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) return wrongType
  if (param.format) {
    const [pattern, message] = formats[param.format]
    if (!pattern.test(value)) return `invalid format - ${message}`
  }
  if (param.maxLength !== undefined && value.length > param.maxLength)
    return `value may only be ${param.maxLength} characters long`
  if (param.pattern && !param.pattern.test(value)) return 'value does not match the regex pattern'
  if (param.enum && !param.enum.includes(value)) {
    return `value '${value}' does not have a value in the enumeration '${param.enum.join(', ')}'`
  }
  if (param.minimum !== undefined && Number(value) < param.minimum)
    return `value must have a minimum value of ${param.minimum}`
  if (param.maximum !== undefined && Number(value) > param.maximum)
    return `value must have a maximum value of ${param.maximum}`
  return undefined
}

/** `net0` is allowed by `net[n]`. */
function find(params: Params, name: string): Param | undefined {
  if (Object.hasOwn(params, name)) return params[name]
  const family = /^([a-z]+)\d+$/.exec(name)?.[1]
  return family === undefined ? undefined : params[`${family}[n]`]
}

/** @throws PveError 400 with one text for each parameter that is wrong */
export function check(params: Params, values: Values): void {
  const errors: Record<string, string> = {}
  for (const [name, value] of Object.entries(values)) {
    const param = find(params, name)
    if (!param) {
      errors[name] = 'property is not defined in schema and the schema does not allow additional properties'
      continue
    }
    const found = problem(param, value)
    if (found) errors[name] = found
    if (param.requires && values[param.requires] === undefined) {
      errors[param.requires] = `missing property - '${name}' requires this property`
    }
  }
  for (const [name, param] of Object.entries(params)) {
    if (!param.optional && values[name] === undefined)
      errors[name] = 'property is missing and it is not optional'
  }
  if (Object.keys(errors).length > 0) throw badParameters(errors)
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '))
  } catch {
    return part
  }
}

/** `a=1&b=2`, also split at `;`. A name given twice becomes a list, which no single parameter accepts. */
export function parseForm(form: string): Record<string, string> {
  const values: Record<string, string> = {}
  for (const part of form.split(/[&;]/)) {
    if (part === '') continue
    const [name = '', value = ''] = part.split(/=(.*)/s)
    const key = decode(name)
    const before = values[key]
    values[key] = before === undefined ? decode(value) : `${before}\0${decode(value)}`
  }
  return values
}

/** JSON is accepted too; there `true` is a boolean. */
export function parseJson(body: string): Record<string, string> {
  const parsed: unknown = JSON.parse(body)
  if (typeof parsed !== 'object' || parsed === null) return {}
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]) => [
      name,
      typeof value === 'boolean' ? (value ? '1' : '0') : String(value),
    ]),
  )
}
