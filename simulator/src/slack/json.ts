/** What comes over the wire is looked at, never trusted: these read it without a cast. */
export type Json = Record<string, unknown>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value when it is an object, else an empty one. */
export const object = (value: unknown): Json => (isObject(value) ? value : {})

/** The value when it is a list, else an empty one. */
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The objects of a list. */
export const objects = (value: unknown): readonly Json[] => list(value).filter(isObject)

export const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Forms say `true`, `1`; JSON says true. */
export const truthy = (value: unknown): boolean =>
  value === true || value === 'true' || value === 1 || value === '1'
