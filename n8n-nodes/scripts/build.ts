/**
 * Builds dist/: a CommonJS file for each node and credential, and what they share in files beside, with core in them and n8n-workflow
 * outside.
 */
import { cpSync, existsSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin, transform } from 'esbuild'
import { lazyNode, methodsPath, workPath } from './lazy.ts'
import { schemas } from './schemas.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const coreSource = join(dirname(root), 'core', 'src')

/** Core's modules do nothing when loaded: what no node uses (the YAML parser, other operations) stays out. */
const pureCore: Plugin = {
  name: 'pure-core',
  setup(on) {
    on.onResolve({ filter: /^(\.|@homelab\/)/ }, async ({ path, pluginData, ...options }) => {
      if (pluginData === 'pure-core') return undefined
      const resolved = await on.resolve(path, { ...options, pluginData: 'pure-core' })
      return resolved.path.startsWith(coreSource) ? { ...resolved, sideEffects: false } : resolved
    })
  },
}

/** Zod brings its messages in 50 languages, 366 kB of them; core's own messages are English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup(on) {
    on.onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'",
    }))
  },
}

interface Bundle {
  /** Relative to the package: `dist/nodes/…/….node.js`, `dist/shared/….js`. */
  readonly path: string
  readonly text: string
}

/** Without the folder and the ending that a built file has. */
const stem = (path: string): string => path.replace(/^dist\//, '').replace(/\.js$/, '')
const sourceOf = (path: string): string => `${stem(path)}.ts`

/** In memory. What is built is what package.json names, so that neither can be forgotten. */
export async function bundle(): Promise<readonly Bundle[]> {
  const { n8n } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const outputs: readonly string[] = [...n8n.credentials, ...n8n.nodes]
  const result = await build({
    absWorkingDir: root,
    entryPoints: [
      ...outputs.map((path) => ({ in: sourceOf(path), out: stem(workPath(path)) })),
      ...(n8n.nodes as readonly string[]).flatMap((path) => {
        const source = join(dirname(sourceOf(path)), 'methods.ts')
        return existsSync(join(root, source)) ? [{ in: source, out: stem(methodsPath(path)) }] : []
      }),
    ],
    outdir: 'dist',
    outbase: '.',
    bundle: true,
    write: false,
    platform: 'node',
    // Only modules can be split: core once for all nodes and not in each.
    format: 'esm',
    splitting: true,
    chunkNames: 'shared/[hash]',
    target: 'node22',
    mainFields: ['module', 'main'],
    external: ['n8n-workflow'],
    // The parser of homelab.yaml without what only Node has; it warns on the console, which n8n forbids.
    alias: { yaml: join(dirname(root), 'node_modules', 'yaml', 'browser', 'index.js') },
    drop: ['console'],
    plugins: [pureCore, englishOnly],
    // Two things that n8n forbids and zod does without: its registry on globalThis (a bundle has no one to
    // share it with), and parsers compiled with Function (it falls back to plain ones).
    define: { globalThis: 'bundleScope', Function: 'undefined' },
    legalComments: 'none',
    logLevel: 'warning',
  })
  const files = await Promise.all(
    result.outputFiles.map(async ({ path, text }) => {
      const { code } = await transform(text, { format: 'cjs', target: 'node22', platform: 'node' })
      return { path: relative(root, path), text: `"use strict"; const bundleScope = {};\n${code}` }
    }),
  )
  const byPath = new Map(files.map(({ path, text }) => [path, text]))
  const nodes = (n8n.nodes as readonly string[]).map((path) => ({ path, text: lazyNode(path, byPath) }))
  return [...files, ...nodes]
}

async function main(): Promise<void> {
  const dist = join(root, 'dist')
  rmSync(dist, { recursive: true, force: true })
  for (const { path, text } of await bundle()) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    console.log(`${path}  ${(text.length / 1024).toFixed(0)} kB`)
  }
  for (const path of globSync(['nodes/**/*.node.json', 'icons/*.svg'], { cwd: root })) {
    cpSync(join(root, path), join(dist, path))
  }
  for (const [path, schema] of schemas()) {
    mkdirSync(dirname(join(dist, path)), { recursive: true })
    writeFileSync(join(dist, path), `${JSON.stringify(schema, undefined, 2)}\n`)
  }
  // The sources are modules, n8n loads CommonJS.
  writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n')
}

if (import.meta.main) await main()
