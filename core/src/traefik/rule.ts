/** Host names out of Traefik's rules. */

const quoted = '(?:`[^`]*`|"(?:[^"\\\\]|\\\\.)*")'
/** A call that names hosts, or a text, in which the same words mean nothing. */
const part = new RegExp(
  `(!\\s*)?\\b(HostRegexp|HostHeader|Host)\\s*\\(\\s*(${quoted}(?:\\s*,\\s*${quoted})*)\\s*\\)|${quoted}`,
  'gi',
)
/** Longer rules are nobody's. */
const LONGEST = 10_000

/**
 * Each host that the rule lets in, in lower case and once. A pattern comes as ``HostRegexp(`…`)``: it stands for names
 * that nobody can list. What the rule shuts out (`!Host(…)`) is not among them.
 */
export function hostnamesOf(rule: string): readonly string[] {
  const found = new Set<string>()
  for (const [, not, call, args] of rule.slice(0, LONGEST).matchAll(part)) {
    if (call === undefined || args === undefined || not !== undefined) continue
    for (const [text] of args.matchAll(new RegExp(quoted, 'g'))) {
      const name = text.slice(1, -1)
      if (name === '') continue
      found.add(call.toLowerCase() === 'hostregexp' ? `HostRegexp(\`${name}\`)` : name.toLowerCase())
    }
  }
  return [...found]
}

/** As well as it can be told from a file that is not parsed: hosts that are spelled out. */
export function hostnamesInText(text: string): readonly string[] {
  const found = new Set<string>()
  for (const [, name = ''] of text.matchAll(/(?<!!\s?)\bHost\(\s*[`'"]([a-z0-9.-]+)[`'"]/gi))
    found.add(name.toLowerCase())
  return [...found]
}
