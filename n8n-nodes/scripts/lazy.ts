/**
 * A node in two files: what n8n reads when it starts, as literals, and what it runs, loaded when it is needed first. Core is a
 * thousand schemas, and n8n loads every node of every package at its start.
 */
import { createRequire } from 'node:module'
import { posix } from 'node:path'

/** Built files: path → text. */
type Files = ReadonlyMap<string, string>

interface Built {
  readonly description: object
  readonly [member: string]: unknown
}

/** Where the whole of it is. */
export const workPath = (path: string): string => path.replace(/\.node\.js$/, '.work.js')

/** Where its methods are by themselves, when the node has them in a `methods.ts`. */
export const methodsPath = (path: string): string => posix.join(posix.dirname(path), 'methods.work.js')

/** @param path `dist/nodes/Name/Name.node.js`, whose work is among the files */
export function lazyNode(path: string, files: Files): string {
  const name = posix.basename(path, '.node.js')
  const { [name]: Node } = load(workPath(path), files) as Record<string, new () => Built>
  if (Node === undefined) throw new Error(`${path} exports no class ${name}`)
  const node = new Node()
  const nested = ['methods', 'webhookMethods'].filter((member) => node[member] !== undefined)
  const apart = files.has(methodsPath(path))
  const own = Object.getOwnPropertyNames(Node.prototype).filter((member) => member !== 'constructor')
  return [
    '"use strict";',
    'let made;',
    `const node = () => (made ??= new (require("./${posix.basename(workPath(path))}").${name})());`,
    ...(apart ? [`const apart = () => require("./${posix.basename(methodsPath(path))}");`] : []),
    `class ${name} {`,
    `  description = ${JSON.stringify(node.description)};`,
    ...nested.map((member) => {
      const whole = apart && member === 'methods' ? 'apart()' : 'node()'
      return `  ${member} = ${forwarding(node[member], `${whole}.${member}`)};`
    }),
    ...own.map((member) => `  ${member}(...args) { return node().${member}.apply(this, args); }`),
    '}',
    `module.exports = { ${name} };`,
    '',
  ].join('\n')
}

/** The same object, each function of which asks the one at `at`. */
function forwarding(value: unknown, at: string): string {
  if (typeof value === 'function') return `function (...args) { return ${at}.apply(this, args); }`
  const entries = Object.entries(value as Record<string, unknown>)
  return `{ ${entries.map(([key, each]) => `${key}: ${forwarding(each, `${at}.${key}`)}`).join(', ')} }`
}

/** Runs a built file, as n8n would; of n8n-workflow it has what a description needs. */
function load(path: string, files: Files, loaded = new Map<string, { exports: unknown }>()): unknown {
  const known = loaded.get(path)
  if (known !== undefined) return known.exports
  const module = { exports: {} as unknown }
  loaded.set(path, module)
  const text = files.get(path)
  if (text === undefined) throw new Error(`${path} was not built`)
  const require = (wanted: string): unknown => {
    if (wanted === 'n8n-workflow') return workflow
    if (!wanted.startsWith('.')) return createRequire(import.meta.url)(wanted)
    return load(posix.join(posix.dirname(path), wanted), files, loaded)
  }
  new Function('require', 'module', 'exports', text)(require, module, module.exports)
  return module.exports
}

const workflow = new Proxy(
  { NodeConnectionTypes: { Main: 'main' } },
  // A class to be extended, a function that nobody calls here.
  { get: (known, name) => Reflect.get(known, name) ?? class {} },
)
