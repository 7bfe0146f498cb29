/** Pieces of PromQL and of the templates in alert rules, safe for any name. */

/** What is no letter is escaped, so that the query stays on its line wherever it is written. */
const quote = (text: string): string =>
  `"${text
    .replaceAll(/[\\"]/g, (char) => `\\${char}`)
    .replaceAll(/[\p{C}\u2028\u2029]/gu, (char) => {
      const code = char.codePointAt(0) ?? 0
      return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`
    })}"`

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0')

type Labels = Readonly<Record<string, string>>

/** `{node="pve",mountpoint="/Apollo"}`; the patterns are RE2's, and match whole values. */
export function having(labels: Labels, matching: Labels = {}, unlike: Labels = {}): string {
  const written = (all: Labels, operator: string) =>
    Object.entries(all).map(([name, value]) => `${name}${operator}${quote(value)}`)
  return `{${[...written(labels, '='), ...written(matching, '=~'), ...written(unlike, '!~')].join(',')}}`
}

/** A text as it stands, in a pattern of RE2. */
export const literally = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')

/** A text as it stands, in a template of Go: a brace could begin an action, alone or with what follows it. */
export const verbatim = (text: string): string => text.replaceAll('{', '{{ "{" }}')

/** `26h`, `90s`: in the largest unit that it is a whole number of. */
export function promDuration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000))
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
  ] as const
  const [unit, size] = units.find(([, each]) => seconds % each === 0) ?? ['s', 1]
  return `${seconds / size}${unit}`
}
