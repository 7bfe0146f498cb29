/** Names of locks in a plan. */

const mark = ' (shared)'

/** Not against others that share it, only against whoever wants it alone. */
export const shared = (lock: string): string => `${lock}${mark}`

export const readLock = (text: string): { readonly name: string; readonly shared: boolean } =>
  text.endsWith(mark) ? { name: text.slice(0, -mark.length), shared: true } : { name: text, shared: false }
