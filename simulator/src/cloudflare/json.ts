/** What comes over the wire is looked at, never trusted. */
export type Json = Record<string, unknown>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const objects = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.filter((each) => isObject(each)) : []
export const string = (value: unknown): string => (typeof value === 'string' ? value : '')
