// Plain JavaScript that any Node >= 20 can run: it finds or brings Node >= 24 and the dependencies.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const NEEDED = 24
const bin = join(root, 'node_modules', '.bin')
const stamp = join(root, 'node_modules', '.homelab-lock')

const say = (text) => process.stderr.write(`homelab: ${text}\n`)

function fail(text) {
  say(text)
  process.exit(1)
}

/** @returns whether npm succeeded; what it prints goes to stderr, or nowhere when it is only an attempt */
function npm(args, path, attempt) {
  const common = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  const done = spawnSync('npm', [...common, ...args], {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'ignore', attempt ? 'ignore' : 2],
    shell: process.platform === 'win32',
  })
  return done.status === 0
}

/**
 * Installs from npm's cache alone when everything is in it: that takes seconds, and needs no registry.
 * @param complete whether all that counts is there; npm leaves optional packages out without a word
 */
function install(args, path, complete) {
  if (npm([...args, '--offline'], path, true) && complete()) return
  if (npm([...args, '--prefer-offline'], path, false) && complete()) return
  fail('npm install failed. Is the npm registry reachable? Then run the same command again.')
}

/** The folder of a Node >= 24: the running one's, or one brought from the npm registry into .runtime/. */
function nodeFolder() {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED) return dirname(process.execPath)
  const name = `node-${process.platform}-${process.arch}`
  const home = join(root, '.runtime')
  const folder = join(home, 'node_modules', name, 'bin')
  if (!existsSync(join(folder, 'node'))) {
    say(
      `Node ${process.versions.node} is older than ${NEEDED}; fetching Node ${NEEDED} from the npm registry (once)`,
    )
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'package.json'), '{"private":true}\n')
    const there = () => existsSync(join(folder, 'node'))
    install(['--prefix', home, '--no-package-lock', `${name}@${NEEDED}`], process.env.PATH, there)
  }
  return folder
}

/** Installs the dependencies when the lock file is not the one they were installed from. */
function dependencies(path) {
  const lock = readFileSync(join(root, 'package-lock.json'))
  const hash = createHash('sha256').update(lock).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  say('installing dependencies (once)')
  rmSync(stamp, { force: true })
  // Not `npm ci`: it refuses a lock file whose registry did not carry every platform's optional packages.
  install([], path, () => platformPackages(lock).every((folder) => existsSync(join(root, folder))))
  writeFileSync(stamp, hash)
}

/** The folders of the native packages that the lock file has for this machine. */
function platformPackages(lock) {
  const fits = (list, own) => list === undefined || list.includes(own)
  return Object.entries(JSON.parse(lock).packages)
    .filter(([, { os, cpu, libc }]) => (os ?? cpu) !== undefined && !libc?.includes('musl'))
    .filter(([, { os, cpu }]) => fits(os, process.platform) && fits(cpu, process.arch))
    .map(([folder]) => folder)
}

/** The environment in which this checkout's own programs run; sets everything up when it is missing. */
export function prepare() {
  const folder = nodeFolder()
  const path = [folder, process.env.PATH].join(delimiter)
  dependencies(path)
  return { node: join(folder, 'node'), path: [folder, bin, process.env.PATH].join(delimiter) }
}

/** Types stripped and code compiled once and not at every start: a third less time to ready, and less memory. Tests start bots by the hundred. */
const compileCache = () => ({
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, '.runtime', 'compile-cache'),
})

/**
 * Runs a TypeScript file or an installed program and resolves with its exit code.
 * The child gets the terminal's Ctrl-C itself, so the parent only has to outlive it.
 */
export function run(runtime, command, args) {
  const file = command.endsWith('.ts')
  const child = spawn(
    file ? runtime.node : join(bin, command),
    file ? ['--disable-warning=ExperimentalWarning', join(root, command), ...args] : args,
    {
      env: { ...process.env, PATH: runtime.path, ...compileCache() },
      stdio: 'inherit',
    },
  )
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  return new Promise((resolve) => {
    child.on('error', (error) => fail(`${command}: ${error.message}`))
    child.on('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)))
  })
}
