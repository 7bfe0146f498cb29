/**
 * The programs that a command finds on the host and in a container. Commands are really run by /bin/sh,
 * so that quoting, pipes, stdin and launchers are what they are on a server; but PATH holds only harmless
 * basics, and fakes that ask the simulator.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nameOf } from '../lab/model.ts'
import { installReal } from '../real/programs.ts'
import { locate } from '../real/tools.ts'
import type { Sim } from '../sim.ts'
import { askScript } from './ask.ts'
import { installFiles, type LabFiles } from './files.ts'
import { installInside } from './inside.ts'
import { installRoutes } from './route.ts'

export interface Programs {
  /** Where they are, and the working directory of every command. */
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  remove(): Promise<void>
}

/** Nothing here removes or moves files: a command meant for the lab must not reach the machine it is tried on. */
const basics = [
  'sh',
  'env',
  'cat',
  'head',
  'tail',
  'printf',
  'echo',
  'true',
  'false',
  'test',
  'sleep',
  'tr',
  'dd',
  'grep',
  'sed',
  'cut',
  'wc',
  'tee',
  'id',
  'date',
  'base64',
  'timeout',
  'sort',
  'uniq',
  'setsid',
  'nohup',
  'kill',
]
const hostFakes = ['df', 'mdstat', 'smartctl', 'hostname', 'pvesm', 'uptime', 'journalctl', 'systemctl']
const containerFakes = [
  'journalctl',
  'systemctl',
  'curl',
  'wget',
  'pg_isready',
  'php',
  'redis-cli',
  'hostname',
  'df',
  'uptime',
  'cloudflared',
]

/** Asks the simulator what to print, and does so: on a machine without bash. */
const client = (node: string, control: string): string => `#!${node}
const { basename } = require('node:path')
const [, program, ...args] = process.argv
const name = basename(program)
const reads = ['tee', 'chpasswd'].includes(name) || args.includes('/dev/stdin') || args.includes('-')
const stdin = reads ? require('node:fs').readFileSync(0).toString('base64') : ''
const env = name === 'community-script' ? Object.fromEntries(Object.entries(process.env).filter(([key]) => key.startsWith('var_'))) : {}
const { HOMELAB_CT: where = 'host', HOMELAB_NODE: node = '' } = process.env
const body = JSON.stringify({ where, node, env, stdin, argv: [name, ...args] })
const request = require('node:http').request('${control}/run', { method: 'POST', headers: { 'content-type': 'application/json' } }, (response) => {
  const chunks = []
  response.on('data', (chunk) => chunks.push(chunk))
  response.on('end', () => {
    const { stdout, stderr, code } = JSON.parse(Buffer.concat(chunks).toString())
    process.stderr.write(stderr ?? '')
    process.stdout.write(stdout ?? '', () => { process.exitCode = code ?? 0 })
  })
})
request.on('error', (error) => { console.error(error.message); process.exitCode = 255 })
request.end(body)
`

/** \`pct exec\` itself is a shell script: it costs nothing, and the command in the container keeps stdin. */
const pct = (home: string): string => `#!/bin/sh
if [ "$1" != exec ]; then exec '${home}/host/pct-other' "$@"; fi
shift
vmid=$1
shift
keep=1
while [ $# -gt 0 ]; do
  case $1 in
    --keep-env) keep=$2; shift 2 ;;
    --keep-env=*) keep=\${1#*=}; shift ;;
    --) shift; break ;;
    -*) echo "Unknown option: \${1#--}" >&2; echo '400 unable to parse option' >&2; exit 255 ;;
    *) break ;;
  esac
done
if [ $# -eq 0 ]; then echo '400 not enough arguments' >&2; exit 255; fi
found=
while read -r id type state name; do
  if [ "$id" = "$vmid" ] && [ "$type" = lxc ]; then found=$state; break; fi
done < '${home}'/guests-"$HOMELAB_NODE"
if [ -z "$found" ]; then echo "Configuration file 'nodes/$HOMELAB_NODE/lxc/$vmid.conf' does not exist" >&2; exit 2; fi
if [ "$found" != running ]; then echo "container '$vmid' not running!" >&2; exit 255; fi
if [ "$keep" = 1 ]; then exec env PATH='${home}/container' container=lxc HOMELAB_CT="$vmid" HOMELAB_WORK='${home}'/work-"$vmid" "$@"; fi
exec env -i PATH='${home}/container' HOME='${home}' TERM=linux container=lxc HOMELAB_CT="$vmid" HOMELAB_WORK='${home}'/work-"$vmid" "$@"
`

/** What the community's scripts enter a new container by. It keeps the environment, as the real one does. */
const lxcAttach = (home: string): string => `#!/bin/sh
vmid=
keep=1
while [ $# -gt 0 ]; do
  case $1 in
    -n | --name) vmid=\${2:-}; shift 2 || exit 1 ;;
    --name=*) vmid=\${1#*=}; shift ;;
    --clear-env) keep=0; shift ;;
    --keep-env) keep=1; shift ;;
    --) shift; break ;;
    -*) echo "lxc-attach: unrecognized option '$1'" >&2; exit 1 ;;
    *) break ;;
  esac
done
if [ -z "$vmid" ]; then echo 'lxc-attach: missing container name, use --name option' >&2; exit 1; fi
if [ $# -eq 0 ]; then set -- sh; fi
found=
while read -r id type state name; do
  if [ "$id $type $state" = "$vmid lxc running" ]; then found=1; break; fi
done < '${home}'/guests-"$HOMELAB_NODE"
if [ -z "$found" ]; then echo "lxc-attach: $vmid: Connection refused - Failed to get init pid" >&2; exit 1; fi
exec '${home}/host/pct' exec "$vmid" --keep-env "$keep" -- "$@"
`

/** The machine's own /proc/mdstat is not the lab's. */
const cat = (home: string): string => `#!/bin/sh
for path do if [ "$path" = /proc/mdstat ]; then exec '${home}/host/mdstat'; fi; done
exec '${locate('cat') ?? '/bin/cat'}' "$@"
`

/** As another user, of whom there is none here. */
const setpriv = `#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    --reuid | --regid | --groups) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
exec "$@"
`

async function fill(folder: string, program: string, fakes: readonly string[]): Promise<void> {
  await mkdir(folder)
  const real = basics.flatMap((name) => {
    const path = locate(name)
    return path === undefined ? [] : [symlink(path, join(folder, name))]
  })
  await Promise.all([...real, ...fakes.map((name) => symlink(program, join(folder, name)))])
}

export async function installPrograms(
  sim: Sim,
  control: string,
  ask: number,
  files: readonly LabFiles[] = [],
): Promise<Programs> {
  const home = await mkdtemp(join(tmpdir(), `homelab-simulator-${process.pid}-`))
  const program = join(home, 'program')
  const answers = join(home, 'answers')
  await mkdir(answers)
  await writeFile(program, askScript(answers, ask) ?? client(process.execPath, control), { mode: 0o755 })
  await fill(join(home, 'host'), program, [...hostFakes, 'pct-other'])
  await fill(join(home, 'container'), program, containerFakes)
  await writeFile(join(home, 'host', 'pct'), pct(home), { mode: 0o755 })
  await writeFile(join(home, 'host', 'lxc-attach'), lxcAttach(home), { mode: 0o755 })
  await rm(join(home, 'host', 'cat'))
  await writeFile(join(home, 'host', 'cat'), cat(home), { mode: 0o755 })
  await writeFile(join(home, 'container', 'setpriv'), setpriv, { mode: 0o755 })
  if (sim.real !== undefined) await installReal(sim.real, home, program)
  await installInside(sim, home, program)
  await installRoutes(sim, home, program, files)
  await installFiles(home, files)

  // pct reads the guests of its node from a file. It is written at once, so that who saw a guest start can enter it,
  // and renamed into place, so that it is never half written.
  const nodes = sim.lab.nodes.map(({ name }) => name)
  const at = new Map([...sim.lab.guests.values()].map(({ vmid, node }) => [vmid, node]))
  const write = (node: string): void => {
    const here = [...sim.lab.guests.values()].filter((guest) => guest.node === node)
    const lines = here.map((guest) => `${guest.vmid} ${guest.type} ${guest.state} ${nameOf(guest)}\n`)
    writeFileSync(join(home, 'guests.new'), lines.join(''))
    renameSync(join(home, 'guests.new'), join(home, `guests-${node}`))
  }
  for (const node of nodes) write(node)
  let removed = false
  sim.lab.onChange(({ vmid, node }) => {
    if (removed) return
    const before = at.get(vmid)
    at.set(vmid, node)
    write(node)
    if (before !== undefined && before !== node) write(before)
  })
  return {
    home,
    env: {
      PATH: join(home, 'host'),
      HOME: sim.real?.home ?? home,
      USER: 'root',
      LOGNAME: 'root',
      SHELL: '/bin/sh',
      HOMELAB_WORK: join(home, 'work'),
    },
    remove: async () => {
      removed = true
      await rm(home, { recursive: true, force: true })
    },
  }
}
