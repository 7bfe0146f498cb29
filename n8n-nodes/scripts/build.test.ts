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
  names.delete('n8n-workflow')
  return [...names].sort()
}

describe('the built package', () => {
  it('refers to nothing but n8n-workflow and what n8n allows', async () => {
    const bundles = await bundle()
    expect(bundles.map(({ path }) => path)).toEqual([
      'dist/credentials/ProxmoxVeApi.credentials.js',
      'dist/nodes/ProxmoxVe/ProxmoxVe.node.js',
    ])
    for (const { path, text } of bundles) {
      console.log(`${path}: ${(text.length / 1024).toFixed(0)} kB`)
      expect({ path, impurities: await impurities(text) }).toEqual({ path, impurities: [] })
      expect(text.length).toBeLessThan(700 * 1024)
    }
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
