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

function npm(args, path, quiet) {
  const done = spawnSync('npm', args, {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', quiet ? 'ignore' : 2, 2],
    shell: process.platform === 'win32',
  })
  if (done.status !== 0) {
    fail(`npm ${args[0]} failed. Is the npm registry reachable? Then run the same command again.`)
  }
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
    npm(
      ['install', '--prefix', home, '--no-save', '--no-package-lock', '--prefer-offline', '--silent', `${name}@${NEEDED}`],
      process.env.PATH,
      true,
    )
    if (!existsSync(join(folder, 'node'))) {
      fail(`the registry has no Node ${NEEDED} for ${name}. Install Node ${NEEDED} by hand and try again.`)
    }
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
  npm(['install', '--no-save', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], path, true)
  writeFileSync(stamp, hash)
}

/** The environment in which this checkout's own programs run; sets everything up when it is missing. */
export function prepare() {
  const folder = nodeFolder()
  const path = [folder, process.env.PATH].join(delimiter)
  dependencies(path)
  return { node: join(folder, 'node'), path: [folder, bin, process.env.PATH].join(delimiter) }
}

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
      env: { ...process.env, PATH: runtime.path },
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
