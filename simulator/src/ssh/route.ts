/**
 * Programs whose paths are those of the simulated node or container: they ask the simulator. The same programs with a path of
 * the machine (what commands make for themselves below the programs' own folder, /proc, /dev/null) are the machine's.
 */
import { chmod, mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { programs as fileNames } from '../files/programs.ts'
import { quote } from '../real/programs.ts'
import { locate } from '../real/tools.ts'
import type { Sim } from '../sim.ts'
import type { LabFiles } from './files.ts'
import { systemPrograms } from './system.ts'

const hostPrograms = ['curl', 'wget', 'community-script', 'pct-lock', 'pveversion', 'qm']

/** Of these a path is no path when something stands after it: a pattern, or a text. */
export const lastOnly = ['grep', 'sed', 'test', '[']

interface Folders {
  readonly home: string
  /** Of the machine, below which nothing is simulated. */
  readonly own: readonly string[]
}

/** Whether a program's word is a path of the simulated node or container. */
export const isOfLab = (arg: string, own: readonly string[]): boolean =>
  arg.startsWith('/') &&
  !own.some((path) => arg === path || arg.startsWith(`${path}/`)) &&
  !/^\/(dev\/(null|zero|urandom|stdin|stdout|stderr|fd\/.*)|proc(\/.*)?)$/.test(arg)

const ownPaths = ({ own }: Folders): string =>
  [
    ...own.map((path) => `${quote(path)} | ${quote(`${path}/`)}*`),
    '/dev/null | /dev/zero | /dev/urandom | /dev/fd/* | /dev/stderr | /dev/stdout | /proc | /proc/*',
  ].join(' | ')

/** @param beneath the program that was there before, if there was one */
const routed = (name: string, beneath: string, folders: Folders): string => {
  const ask = quote(join(folders.home, 'fakes', name))
  const own = ownPaths(folders)
  const special =
    name === 'cat'
      ? `    /etc/os-release | /usr/bin/update | /root/.*) [ -e ${quote(join(folders.home, 'inside'))}/"\${HOMELAB_CT:-none}/os-release" ] || exec ${ask} "$@" ;;\n    /proc/mdstat) ;;\n`
      : ''
  // Without -i what sed reads may come by a pipe, and its last word be what it does.
  const always = name === 'sed' ? 'case " $* " in *" -i "*) ;; *) last= ;; esac\n' : ''
  const each = lastOnly.includes(name)
    ? `for arg do [ "$arg" = ']' ] || last=$arg; done
${always}case $last in
    ${own}) ;;
    /*) exec ${ask} "$@" ;;
esac`
    : `for arg do
  case $arg in
${special}    ${own}) ;;
    /dev/stdin) ;;
    /*) exec ${ask} "$@" ;;
  esac
done`
  return `#!/bin/sh
${each}
if [ -e ${quote(beneath)} ]; then exec ${quote(beneath)} "$@"; fi
${fallback[name] ?? `echo "sh: 1: ${name}: not found" >&2\nexit 127`}
`
}

const fallback: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'grep',
    'test',
    '[',
    'head',
    'tail',
    'wc',
    'tee',
    'cat',
    'stat',
    'ls',
    'find',
    'sha256sum',
    'readlink',
  ].flatMap((name) => {
    const path = locate(name)
    return path === undefined ? [] : [[name, `exec ${quote(path)} "$@"`]]
  }),
)

/** A lock of the node or a container is a file of the machine; that of a container's configuration is the lab's. */
const flock = ({ home, own }: Folders): string => `#!/bin/sh
options=
while [ $# -gt 0 ]; do
  case $1 in
    -w | -E) options="$options $1 $2"; shift 2 ;;
    -*) options="$options $1"; shift ;;
    *) break ;;
  esac
done
case $1 in
    ${own.map((path) => `${quote(`${path}/`)}*`).join(' | ')}) ;;
    /*)
      case $1 in
        /run/lock/lxc/pve-config-*.lock)
          vmid=\${1##*-}
          ${quote(join(home, 'fakes', 'pct-lock'))} "\${vmid%.lock}" || exit 1
          ;;
      esac
      lock=${quote(join(home, 'locks'))}/\${HOMELAB_CT:-host}-\${1##*/}
      shift
      set -- "$lock" "$@"
      ;;
esac
exec ${quote(locate('flock') ?? '/usr/bin/flock')} $options "$@"
`

/** A script of the lab is really run. With -p, as sh would drop the functions that come with its environment. */
const bash = (folders: Folders): string => {
  const path = locate('bash')
  const real = quote(path ?? locate('sh') ?? '/bin/sh')
  return `#!${path === undefined ? '/bin/sh' : `${path} -p`}
case \${1:-} in
    ${ownPaths(folders)}) ;;
    /*)
      text=$(${quote(join(folders.home, 'fakes', 'cat'))} "$1") || exit 127
      name=$1
      shift
      exec ${real} -c "$text" "$name" "$@"
      ;;
esac
exec ${real} "$@"
`
}

/** Users are the container's; who runs the command is root there. */
const id = ({ home }: Folders): string => `#!/bin/sh
for arg do case $arg in -*) ;; *) exec ${quote(join(home, 'fakes', 'id'))} "$@" ;; esac; done
case "$*" in -u | -g) echo 0 ;; -un | -gn) echo root ;; *) echo 'uid=0(root) gid=0(root) groups=0(root)' ;; esac
`

/** What the community's scripts ask with: without a terminal it fails. */
const whiptail = `#!/bin/sh
echo 'Failed to open terminal.' >&2
exit 255
`

/** Only what \`updates\` knows of is upgraded by what was there before. */
const apt = (beneath: string, { home }: Folders): string => `#!/bin/sh
case " $* " in *' install '* | *' remove '* | *' purge '*) exec ${quote(join(home, 'fakes', 'apt-get'))} "$@" ;; esac
if [ -e ${quote(join(home, 'inside'))}/"$HOMELAB_CT/apt" ] && [ -e ${quote(beneath)} ]; then exec ${quote(beneath)} "$@"; fi
exec ${quote(join(home, 'fakes', 'apt-get'))} "$@"
`

/** With real backups what lies beside their folder is the machine's, too: to be refused there, and not to be made up. */
function ownOf({ real }: Sim): readonly string[] {
  if (real === undefined) return []
  const beside = dirname(real.dir)
  return beside === '/' || beside === tmpdir() ? [real.dir] : [real.dir, beside]
}

/**
 * @param home where programs are: `host` and `container` are filled already
 * @param client the program that asks the simulator
 * @param files of which the machine's programs are used
 */
export async function installRoutes(
  sim: Sim,
  home: string,
  client: string,
  files: readonly LabFiles[],
): Promise<void> {
  const folders: Folders = { home, own: [home, ...files.map(({ root }) => root), ...ownOf(sim)] }
  await Promise.all(
    ['fakes', 'locks', 'work', 'under'].map((name) => mkdir(join(home, name), { recursive: true })),
  )
  const asking = [...new Set([...Object.keys(fileNames), ...Object.keys(systemPrograms), ...hostPrograms])]
  await Promise.all(asking.map((name) => symlink(client, join(home, 'fakes', name))))
  for (const folder of ['host', 'container']) {
    const under = join(home, 'under', folder)
    await mkdir(under)
    const put = async (name: string, script: (beneath: string) => string): Promise<void> => {
      const at = join(home, folder, name)
      // Some are not there at all without the real part of the lab.
      await rename(at, join(under, name)).catch(() => undefined)
      await writeFile(at, script(join(under, name)))
      await chmod(at, 0o755)
    }
    for (const name of Object.keys(fileNames)) await put(name, (beneath) => routed(name, beneath, folders))
    await put('flock', () => flock(folders))
    await put('bash', () => bash(folders))
    await put('whiptail', () => whiptail)
    await put('id', () => id(folders))
    const own = folder === 'host' ? hostPrograms : Object.keys(systemPrograms)
    for (const name of own.filter((each) => each !== 'id' && each !== 'apt-get'))
      await rename(join(home, folder, name), join(under, name))
        .catch(() => undefined)
        .then(() => symlink(client, join(home, folder, name)))
    if (folder === 'container') await put('apt-get', (beneath) => apt(beneath, folders))
  }
}
