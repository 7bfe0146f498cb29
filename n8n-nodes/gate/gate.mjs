/**
 * n8n's own bar, on what is shipped and on what it was made from:
 *   0. the size of the packed tarball: every n8n that installs it, on every worker, downloads and unpacks it;
 *   1. the official scanner on the packed tarball, as n8n runs it on a published package;
 *   2. the official scanner on the source;
 *   3. the newest lint on the source, with the generated properties written out: the rules read literals only.
 * Warnings fail it too. Provenance is not checked: it comes with a release from CI.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import newest from '@n8n/eslint-plugin-community-nodes'
import {
  analyzePackage,
  buildScanConfig,
  SOURCE_FILE_PATTERNS,
} from '@n8n/scan-community-package/scanner/scanner.mjs'
import { ESLint } from 'eslint'

const here = dirname(fileURLToPath(import.meta.url))
const source = dirname(here)
const work = join(here, '.cache')
const require = createRequire(import.meta.url)

/** Bytes of the tarball. */
const mostPacked = 1024 * 1024

function pack() {
  execFileSync(process.execPath, [join(source, 'scripts', 'build.ts')], { stdio: 'inherit' })
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', work], {
    cwd: source,
    encoding: 'utf8',
  })
  const [info] = Object.values(JSON.parse(packed))
  execFileSync('tar', ['-xzf', join(work, info.filename), '-C', work])
  console.log(
    `packed: ${info.filename}, ${kilobytes(info.size)} packed, ${kilobytes(info.unpackedSize)} unpacked`,
  )
  for (const { path, size } of info.files) console.log(`  ${path}  ${kilobytes(size)}`)
  const tooLarge = info.size > mostPacked
  if (tooLarge) console.log(`size: FAILED, more than ${kilobytes(mostPacked)} packed`)
  return { packed: join(work, 'package'), tooLarge }
}

const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} kB`

/** The source with each node's generated properties as literals. */
function describe(packed) {
  const target = join(work, 'described')
  const { n8n } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  for (const path of ['package.json', 'nodes', 'credentials', 'icons']) {
    cpSync(join(source, path), join(target, path), { recursive: true })
  }
  for (const path of globSync('nodes/**/*.node.ts', { cwd: target })) {
    const built = n8n.nodes.find((each) => each.endsWith(path.replace(/\.ts$/, '.js')))
    const className = path.match(/([^/\\]+)\.node\.ts$/)[1]
    const Node = require(join(packed, built))[className]
    const literal = JSON.stringify(new Node().description.properties, undefined, 2).replace(
      /^(\s*)"([A-Za-z_]\w*)":/gm,
      '$1$2:',
    )
    const text = readFileSync(join(target, path), 'utf8')
    const written = text.replace(/properties: propertiesOf\([^)]*\)/, () => `properties: ${literal}`)
    // A trigger's are written by hand, and are read as they are.
    if (/properties: \[\n/.test(text)) continue
    if (written === text) throw new Error(`${path} has no generated properties: nothing would be checked`)
    writeFileSync(join(target, path), written)
  }
  return target
}

async function lint(folder, patterns, config) {
  const eslint = new ESLint({
    cwd: folder,
    allowInlineConfig: false,
    overrideConfigFile: true,
    overrideConfig: config,
  })
  const files = globSync(patterns, { cwd: folder }).map((path) => join(folder, path))
  const results = await eslint.lintFiles(files)
  const problems = results.flatMap(({ messages }) => messages)
  const formatter = await eslint.loadFormatter('stylish')
  return { files: files.length, problems: problems.length, text: await formatter.format(results) }
}

/** The scanner's own rules with the plugin's newest version instead of the one it came with. */
async function newestConfig() {
  const config = await buildScanConfig()
  const { recommended } = newest.configs
  return config.map((each) => (each.plugins?.['@n8n/community-nodes'] ? { ...each, ...recommended } : each))
}

// Under a test runner the rules would take every file for one of their own fixtures.
delete process.env.NODE_ENV
rmSync(work, { recursive: true, force: true })
mkdirSync(work, { recursive: true })
const { packed, tooLarge } = pack()
const shipped = ['**/*.js', 'package.json']
const sources = SOURCE_FILE_PATTERNS
const described = describe(packed)
let failed = tooLarge

for (const [name, folder, patterns] of [
  ['scanner on the tarball', packed, shipped],
  ['scanner on the source', source, sources],
]) {
  const { passed, message, details } = await analyzePackage(folder, patterns)
  console.log(`${name}: ${passed ? 'passed' : `FAILED: ${message}`}`)
  if (details) console.log(details)
  failed ||= !passed
}
for (const [name, folder, patterns, config] of [
  ['scanner with warnings, tarball', packed, shipped, await buildScanConfig()],
  ['newest lint, source', source, sources, await newestConfig()],
  ['newest lint, generated properties written out', described, sources, await newestConfig()],
]) {
  const { files, problems, text } = await lint(folder, patterns, config)
  console.log(`${name}: ${problems === 0 ? 'passed' : `FAILED, ${problems} findings`} (${files} files)`)
  if (text !== '') console.log(text)
  failed ||= problems > 0
}
process.exit(failed ? 1 : 0)
