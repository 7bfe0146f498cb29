/**
 * The package managers of containers, and \`update\` of the community's scripts. What only reads is served from files, so that
 * a look into all of them costs nothing; what changes something asks the simulator.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Inside } from '../lab/insides.ts'
import { guard, guarded, quote } from '../real/programs.ts'
import { locate } from '../real/tools.ts'
import type { Sim } from '../sim.ts'

const scripts = (home: string): Readonly<Record<string, string>> => {
  const at = `${quote(join(home, 'inside'))}/$HOMELAB_CT`
  const ask = (name: string) => quote(join(home, 'container', name))
  const real = (name: string) => quote(locate(name) ?? `/bin/${name}`)
  const none = (name: string) => `echo 'sh: 1: ${name}: not found' >&2; exit 127`
  return {
    'apt-get': `at=${at}
[ -e "$at/apt" ] || { ${none('apt-get')}; }
if [ -e "$at/hangs" ]; then exec sleep 3600; fi
case " $* " in
  *' -s '*) exec ${real('cat')} "$at/apt" ;;
esac
exec ${ask('lab-apt')} "$@"`,
    apk: `at=${at}
[ -e "$at/apk" ] || { ${none('apk')}; }
if [ -e "$at/hangs" ]; then exec sleep 3600; fi
case " $* " in
  *' version '*) exec ${real('cat')} "$at/apk" ;;
esac
exec ${ask('lab-apk')} "$@"`,
    update: `at=${at}
[ -e "$at/update" ] || { ${none('update')}; }
echo 'Loading the script'
if [ -e "$at/hangs" ]; then exec sleep 3600; fi
if [ -e "$at/asks" ]; then
  whiptail --backtitle 'Proxmox VE Helper Scripts' --title 'Update' --yesno "$(${real('cat')} "$at/asks")" 10 58 || echo 'skipped'
fi
exec ${ask('lab-update')} "$@"`,
    // The machine's own are not the container's.
    cat: `at=${at}
for path do
  case $path in
    /etc/os-release) file=os-release ;;
    /usr/bin/update) file=update ;;
    /root/.*) file=version ;;
    *) continue ;;
  esac
  [ -e "$at/$file" ] || { echo "cat: $path: No such file or directory" >&2; exit 1; }
  exec ${real('cat')} "$at/$file"
done
exec ${real('cat')} "$@"`,
    date: `at=${at}
if [ "$1" = -r ]; then
  [ "$2" = /var/lib/apt/lists/partial ] && [ -e "$at/listed" ] || { echo "date: $2: No such file or directory" >&2; exit 1; }
  exec ${real('cat')} "$at/listed"
fi
exec ${real('date')} "$@"`,
  }
}

/** Beside the folders of what is simulated, those that commands make for themselves are real. */
const workPrograms = ['mkdir', 'rm', 'chmod']

/**
 * @param home where programs are: `host` and `container` are filled already
 * @param client the program that asks the simulator
 */
export async function installInside(sim: Sim, home: string, client: string): Promise<void> {
  const write = async (folder: string, name: string, text: string): Promise<void> => {
    const path = join(home, folder, name)
    await rm(path, { force: true })
    await writeFile(path, `#!/bin/sh\n${text}\n`)
    await chmod(path, 0o755)
  }
  for (const [name, text] of Object.entries(scripts(home))) await write('container', name, text)
  for (const name of ['lab-apt', 'lab-apk', 'lab-update'])
    await symlink(client, join(home, 'container', name))
  // With real backups these are there, and hold to the same rule.
  if (sim.real === undefined)
    for (const folder of ['host', 'container']) {
      const flock = locate('flock')
      if (flock !== undefined) await symlink(flock, join(home, folder, 'flock'))
      for (const name of workPrograms.filter((each) => guarded.includes(each))) {
        const path = locate(name)
        if (path !== undefined) await write(folder, name, guard(name, path, [home]).replace(/^#!.*\n/, ''))
      }
    }
  await mkdir(join(home, 'inside'))
  const put = (vmid: number): void => {
    // At the end the folder goes before the lab does.
    if (existsSync(join(home, 'inside'))) writeInside(join(home, 'inside', String(vmid)), sim, vmid)
  }
  for (const vmid of sim.insides.vmids) put(vmid)
  sim.insides.onChange(put)
}

function writeInside(at: string, sim: Sim, vmid: number): void {
  const inside = sim.insides.of(vmid)
  const trouble = sim.insides.trouble(vmid)
  rmSync(at, { recursive: true, force: true })
  if (inside === undefined) return
  mkdirSync(at)
  const write = (name: string, text: string) => writeFileSync(join(at, name), text)
  write('os-release', `PRETTY_NAME="${inside.pretty}"\nID=${inside.id}\n`)
  if (['debian', 'ubuntu'].includes(inside.id)) write('apt', simulated(inside))
  if (inside.id === 'alpine') write('apk', older(inside))
  write('listed', `${inside.listedAt}\n`)
  if (inside.helper !== undefined) {
    const { app, version } = inside.helper
    const url = `https://raw.githubusercontent.com/community-scripts/ProxmoxVE/main/ct/${app}.sh`
    write('update', `bash -c "$(curl -fsSL ${url})"\n`)
    write('version', `${version}\n`)
  }
  if (trouble === 'hangs') write('hangs', '')
  if (trouble === 'asks') write('asks', 'Use the new\nversion of the database?\n')
}

/** As \`apt-get -s upgrade\` says it. */
function simulated({ id, packages }: Inside): string {
  const waiting = packages.filter(({ to }) => to !== undefined)
  const origin = (security: boolean | undefined) =>
    id === 'ubuntu'
      ? `Ubuntu:22.04/jammy-updates${security ? ', Ubuntu:22.04/jammy-security' : ''}`
      : security
        ? 'Debian-Security:12/stable-security'
        : 'Debian:12.11/stable'
  return [
    'NOTE: This is only a simulation!',
    '      apt-get needs root privileges for real execution.',
    'Reading package lists...',
    'Building dependency tree...',
    'Reading state information...',
    'Calculating upgrade...',
    ...(waiting.length === 0
      ? []
      : ['The following packages will be upgraded:', `  ${waiting.map(({ name }) => name).join(' ')}`]),
    `${waiting.length} upgraded, 0 newly installed, 0 to remove and 0 not upgraded.`,
    ...waiting.map(
      ({ name, version, to, security }) => `Inst ${name} [${version}] (${to} ${origin(security)} [amd64])`,
    ),
    ...waiting.map(({ name, to, security }) => `Conf ${name} (${to} ${origin(security)} [amd64])`),
    '',
  ].join('\n')
}

/** As \`apk version -l '<'\` says it. */
const older = ({ packages }: Inside): string =>
  [
    'Installed:                                Available:',
    ...packages
      .filter(({ to }) => to !== undefined)
      .map(({ name, version, to }) => `${`${name}-${version}`.padEnd(42)}< ${to} `),
    '',
  ].join('\n')
