/** What changes between two texts, as `patch` takes it. */

export interface DiffOptions {
  /** Default homelab.yaml. */
  readonly name?: string
  /** Lines around each change; default 3. */
  readonly context?: number
}

interface Line {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
}

/** Changes beyond which the texts count as different altogether: the search takes the square of it. */
const MOST = 400

/** @returns an empty text when nothing differs */
export function unifiedDiff(before: string, after: string, options: DiffOptions = {}): string {
  if (before === after) return ''
  const { name = 'homelab.yaml', context = 3 } = options
  const lines = compare(linesOf(before), linesOf(after))
  return [`--- ${name}\n`, `+++ ${name}\n`, ...hunks(lines, context)].join('')
}

/** Each with what ends it, which may differ, too. */
const linesOf = (text: string): readonly string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? []

function compare(a: readonly string[], b: readonly string[]): readonly Line[] {
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++
  const same = (texts: readonly string[]): Line[] => texts.map((text) => ({ sign: ' ', text }))
  return [
    ...same(a.slice(0, head)),
    ...shortest(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...same(a.slice(a.length - tail)),
  ]
}

/** The fewest lines out and in (E. Myers, An O(ND) Difference Algorithm, 1986). */
function shortest(a: readonly string[], b: readonly string[]): readonly Line[] {
  // For each number of changes: how far into `a` one comes on each diagonal.
  const trace: Map<number, number>[] = []
  let reach = new Map([[1, 0]])
  for (let changes = 0; changes <= Math.min(a.length + b.length, MOST); changes++) {
    trace.push(new Map(reach))
    for (let diagonal = -changes; diagonal <= changes; diagonal += 2) {
      let x = step(reach, diagonal, changes)
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x++
      reach.set(diagonal, x)
      if (x >= a.length && x - diagonal >= b.length) return wayBack(trace, a, b)
    }
    reach = new Map(reach)
  }
  return [...a.map((text): Line => ({ sign: '-', text })), ...b.map((text): Line => ({ sign: '+', text }))]
}

const isDown = (reach: ReadonlyMap<number, number>, diagonal: number, changes: number): boolean =>
  diagonal === -changes ||
  (diagonal !== changes && (reach.get(diagonal - 1) ?? -1) < (reach.get(diagonal + 1) ?? -1))

const step = (reach: ReadonlyMap<number, number>, diagonal: number, changes: number): number =>
  isDown(reach, diagonal, changes) ? (reach.get(diagonal + 1) ?? 0) : (reach.get(diagonal - 1) ?? 0) + 1

function wayBack(
  trace: readonly ReadonlyMap<number, number>[],
  a: readonly string[],
  b: readonly string[],
): readonly Line[] {
  const lines: Line[] = []
  let x = a.length
  let y = b.length
  for (let changes = trace.length - 1; changes >= 0; changes--) {
    const reach = trace[changes] ?? new Map<number, number>()
    const diagonal = x - y
    const down = isDown(reach, diagonal, changes)
    const fromX = down ? (reach.get(diagonal + 1) ?? 0) : (reach.get(diagonal - 1) ?? 0)
    const fromY = fromX - (down ? diagonal + 1 : diagonal - 1)
    while (x > fromX && y > fromY && x > 0 && y > 0) {
      lines.push({ sign: ' ', text: a[--x] ?? '' })
      y--
    }
    if (changes === 0) break
    if (down) lines.push({ sign: '+', text: b[--y] ?? '' })
    else lines.push({ sign: '-', text: a[--x] ?? '' })
  }
  return lines.reverse()
}

function hunks(lines: readonly Line[], context: number): readonly string[] {
  const changed = lines.flatMap(({ sign }, index) => (sign === ' ' ? [] : [index]))
  const spans: { from: number; to: number }[] = []
  for (const index of changed) {
    const last = spans.at(-1)
    if (last !== undefined && index - last.to <= 2 * context) last.to = index
    else spans.push({ from: index, to: index })
  }
  let counted = 0
  let old = 0
  let now = 0
  const count = (until: number): void => {
    for (; counted < until; counted++) {
      if (lines[counted]?.sign !== '+') old++
      if (lines[counted]?.sign !== '-') now++
    }
  }
  return spans.map(({ from, to }) => {
    const start = Math.max(0, from - context)
    const part = lines.slice(start, to + context + 1)
    count(start)
    const range = (before: number, sign: '-' | '+') => {
      const length = part.filter((line) => line.sign === ' ' || line.sign === sign).length
      return `${length === 0 ? before : before + 1},${length}`
    }
    const body = part.map(({ sign, text }) =>
      text.endsWith('\n') ? `${sign}${text}` : `${sign}${text}\n\\ No newline at end of file\n`,
    )
    return `@@ -${range(old, '-')} +${range(now, '+')} @@\n${body.join('')}`
  })
}
