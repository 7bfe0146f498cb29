import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { transform } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { bundle } from './build.ts'

/** What n8n's scanner forbids, and what would mean that a part of core is not pure. */
const forbidden = [
  'process',
  'globalThis',
  'global',
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  '__dirname',
  '__filename',
  'console',
  'fetch',
  'eval',
  'Function',
]

/** The forbidden globals that code refers to: esbuild replaces free names only, never a property or a local. */
async function impurities(code: string): Promise<string[]> {
  const define = Object.fromEntries(forbidden.map((name) => [name, `forbidden_${name}`]))
  const { code: marked } = await transform(code, { define, format: 'cjs', minifyWhitespace: true })
  const globals = [...marked.matchAll(/\bforbidden_(\w+)/g)]
  const modules = [...marked.matchAll(/\b(?:require|import)\(\s*["'`]?([^"'`)]*)/g)]
  const names = new Set([...globals, ...modules].map(([, name]) => name ?? ''))
  // What n8n allows; and the package's own files.
  for (const allowed of ['n8n-workflow', 'node:crypto']) names.delete(allowed)
  return [...names]
    .filter((name) => !/^\.{1,2}\/.*\bshared\/\w+\.js$|^\.\/\w+(\.work)?\.js$/.test(name))
    .sort()
}

/** Bundling takes seconds of a processor that others may need. */
const patience = 60_000

/** A built file, and all that it loads. */
function reachedFrom(
  path: string,
  texts: ReadonlyMap<string, string>,
  seen = new Set<string>(),
): Set<string> {
  if (seen.has(path)) return seen
  seen.add(path)
  for (const [, wanted = ''] of (texts.get(path) ?? '').matchAll(/require\("(\.[^"]+)"\)/g))
    reachedFrom(posix.join(posix.dirname(path), wanted), texts, seen)
  return seen
}

describe('the built package', { timeout: patience }, () => {
  it('refers to nothing but n8n-workflow and what n8n allows', async () => {
    const bundles = await bundle()
    const { n8n } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    const built = bundles.map(({ path }) => path).filter((path) => !/^dist\/shared\/|\.work\.js$/.test(path))
    expect(built.sort()).toEqual([...n8n.credentials, ...n8n.nodes].sort())
    for (const { path, text } of bundles) {
      console.log(`${path}: ${(text.length / 1024).toFixed(0)} kB`)
      expect({ path, impurities: await impurities(text) }).toEqual({ path, impurities: [] })
    }
    // A second copy of core, which is more than a megabyte, would show.
    const all = bundles.reduce((sum, { text }) => sum + text.length, 0)
    expect(all).toBeLessThan(3 * 1024 * 1024)
  })

  it('gives n8n at its start no more than descriptions', async () => {
    const nodes = (await bundle()).filter(({ path }) => path.endsWith('.node.js'))
    for (const { text } of nodes) {
      expect(text).not.toMatch(/^(const|let|var) .*= require\(/m)
      expect(text).toMatch(/"properties":\[/)
    }
  })

  it('opens the lists of the editor without the operations', async () => {
    const texts = new Map((await bundle()).map(({ path, text }) => [path, text]))
    const node = 'dist/nodes/ProxmoxVe/ProxmoxVe.node.js'
    expect(texts.get(node)).toContain('require("./methods.work.js")')
    const lists = reachedFrom('dist/nodes/ProxmoxVe/methods.work.js', texts)
    const work = reachedFrom('dist/nodes/ProxmoxVe/ProxmoxVe.work.js', texts)
    const size = (paths: ReadonlySet<string>) =>
      [...paths].reduce((sum, path) => sum + (texts.get(path)?.length ?? 0), 0)
    expect(size(lists)).toBeGreaterThan(0)
    expect(size(lists)).toBeLessThan(size(work) / 2)
  })

  it('is checked by a test that sees each of them', async () => {
    const uses = forbidden.map((name) => `use(${name === 'eval' ? 'eval("1")' : name})`)
    const found = await impurities(`${uses.join('\n')}\nrequire("node:fs")\nimport("undici")`)
    expect(found).toEqual([...forbidden, 'node:fs', 'undici'].sort())
  })

  it('does not take a method or a local name for a global', async () => {
    expect(await impurities('const process = x.process; use(process, { console: 1 }, "eval")')).toEqual([])
  })
})
