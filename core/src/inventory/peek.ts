import { parse } from 'yaml'

/**
 * The state folder that a file names, from a file that may be wrong in all else: a terminal finds the running bot
 * although somebody is in the middle of editing the file.
 */
export function stateIn(text: string): string | undefined {
  try {
    const file: unknown = parse(text, { logLevel: 'silent', maxAliasCount: 0 })
    if (typeof file !== 'object' || file === null || !('state' in file)) return undefined
    return typeof file.state === 'string' ? file.state : undefined
  } catch {
    return undefined
  }
}
