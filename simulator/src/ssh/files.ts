/**
 * Files of the lab's own in a container or on the node: commands find them under the path that they have there, and
 * nothing else of the machine under it. The programs are the machine's own, so that renames are what they are.
 */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quote } from '../real/programs.ts'
import { locate } from '../real/tools.ts'

export interface LabFiles {
  /** undefined: the node itself. */
  readonly vmid: number | undefined
  /** As the commands there call it: `/etc/traefik`. */
  readonly path: string
  /** The folder that stands for the root there. */
  readonly root: string
}

const programs = ['cat', 'chmod', 'cp', 'find', 'head', 'ls', 'mv', 'rm', 'stat', 'tail', 'tee']

/**
 * What is not among the lab's files goes to the program that was there before, if there was one. Paths in what is printed are
 * those of the container.
 */
const script = (name: string, path: string, beneath: string, files: readonly LabFiles[]): string => `#!/bin/sh
where=\${HOMELAB_CT:-host} mine= other=
for arg do
  shift
  case $where:$arg in
${files
  .map(
    ({ vmid, path: at, root }) =>
      `    ${quote(`${vmid ?? 'host'}:${at}`)} | ${quote(`${vmid ?? 'host'}:${at}/`)}*) root=${quote(root)} ;;`,
  )
  .join('\n')}
    *) root= ;;
  esac
  if [ -n "$root" ]; then
    case $arg/ in */../*) echo "${name}: $arg: not in the simulated lab" >&2; exit 1 ;; esac
    mine=$root
    set -- "$@" "$root$arg"
  else
    case $arg in /*) other=$arg ;; esac
    set -- "$@" "$arg"
  fi
done
if [ -z "$mine" ]; then
  if [ -e ${quote(beneath)} ]; then exec ${quote(beneath)} "$@"; fi
  echo "sh: 1: ${name}: not found" >&2
  exit 127
fi
if [ -n "$other" ]; then echo "${name}: $other: not in the simulated lab" >&2; exit 1; fi
exec 4>&1 5>&2
code=$({ { { { ${quote(path)} "$@" 4>&- 5>&-; echo $? >&3; } 2>&1 >&6 6>&- | ${sed} "s|$mine||g" >&5; } 6>&1 | ${sed} "s|$mine||g" >&4; } 3>&1; })
exit "$code"
`

const sed = quote(locate('sed') ?? '/bin/sed')

/** @param home of the programs: `host` and `container` are filled already */
export async function installFiles(home: string, files: readonly LabFiles[]): Promise<void> {
  for (const folder of ['host', 'container']) {
    const here = files.filter(({ vmid }) => (vmid === undefined) === (folder === 'host'))
    if (here.length === 0) continue
    const beneath = join(home, 'beneath', folder)
    await mkdir(beneath, { recursive: true })
    for (const name of programs) {
      const path = locate(name)
      if (path === undefined) continue
      const at = join(home, folder, name)
      // Some are not there at all without the real part of the lab.
      await rename(at, join(beneath, name)).catch(() => undefined)
      await writeFile(at, script(name, path, join(beneath, name), here))
      await chmod(at, 0o755)
    }
  }
}
