/** Dependency order. Iterative: a file may hold chains longer than the stack is deep. */

type Edges = ReadonlyMap<string, readonly string[]>

/** Every reachable node once, each after all that it points at; a cycle is cut where it closes. */
export function dependencyOrder(roots: Iterable<string>, edges: Edges): string[] {
  const order: string[] = []
  walk(roots, edges, (node) => order.push(node))
  return order
}

/** One cycle, its first node repeated at the end: `a, b, a`. */
export function findCycle(roots: Iterable<string>, edges: Edges): string[] | undefined {
  let found: string[] | undefined
  walk(roots, edges, undefined, (path, node) => {
    found ??= [...path.slice(path.indexOf(node)), node]
  })
  return found
}

function walk(
  roots: Iterable<string>,
  edges: Edges,
  done?: (node: string) => void,
  cycle?: (path: readonly string[], node: string) => void,
): void {
  const state = new Map<string, 'open' | 'done'>()
  for (const root of roots) {
    if (state.has(root)) continue
    const path = [root]
    const cursors = [0]
    state.set(root, 'open')
    while (path.length > 0) {
      const node = path.at(-1) ?? root
      const next = edges.get(node)?.[cursors.at(-1) ?? 0]
      if (next === undefined) {
        state.set(node, 'done')
        done?.(node)
        path.pop()
        cursors.pop()
        continue
      }
      cursors[cursors.length - 1] = (cursors.at(-1) ?? 0) + 1
      if (state.get(next) === 'open') cycle?.(path, next)
      if (state.has(next)) continue
      state.set(next, 'open')
      path.push(next)
      cursors.push(0)
    }
  }
}

/** All that reach one of `starts` against the edges' direction, nearest first, without the starts. */
export function reachedBy(starts: readonly string[], reverse: Edges): string[] {
  const seen = new Set(starts)
  const queue = [...starts]
  for (const node of queue) {
    for (const next of reverse.get(node) ?? []) {
      if (seen.has(next)) continue
      seen.add(next)
      queue.push(next)
    }
  }
  return queue.slice(starts.length)
}
