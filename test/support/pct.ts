/** A `pct` in front of real LXC containers, or of plain ones for machines without LXC. */
import { join } from 'node:path'

export type Kind = 'plain' | 'lxc'

/** What `lxc-attach --clear-env` leaves: no HOME, no LANG. The working folder stays when the container has it too. */
const environment = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=lxc'

/** lxc-attach stays the parent of the command, in the same process group, as it does under the real pct. */
const lxc = `
running() { [ "$(lxc-info -P "$dir" -n "$vmid" -s -H 2>/dev/null)" = RUNNING ]; }
start() { lxc-start -P "$dir" -n "$vmid" -o "$ct/log"; }
stop() { lxc-stop -P "$dir" -n "$vmid" -k; }
enter() {
  [ "$keep" = 1 ] && exec lxc-attach -P "$dir" -n "$vmid" --keep-env -- "$@"
  exec lxc-attach -P "$dir" -n "$vmid" --clear-env -- "$@"
}
`

/**
 * Processes of their own under an init that reaps them, on the machine's files; only /usr/local/bin is the
 * container's. Whoever is not root is so inside.
 */
const plain = `
[ "$(id -u)" = 0 ] && user= || user=1
running() { [ -f "$ct/pid" ] && [ -d "/proc/$(cat "$ct/pid")" ]; }
start() {
  rm -f "$ct/up"
  mkfifo "$ct/up"
  setsid unshare \${user:+--user --map-root-user} --mount --pid --fork --kill-child=KILL --mount-proc \\
    sh -c 'mount --bind "$1/bin" /usr/local/bin && echo up >"$1/up"; exec >&-; while :; do sleep 86400 & wait; done' \\
    init "$ct" </dev/null >/dev/null 2>"$ct/log" &
  outer=$!
  read -r up <"$ct/up"
  [ "$up" = up ] || fail 255 "$(cat "$ct/log")"
  read -r inner rest <"/proc/$outer/task/$outer/children"
  echo "$inner" >"$ct/pid"
}
stop() {
  pid=$(cat "$ct/pid")
  kill -KILL "$pid"
  tail --pid="$pid" -s 0.02 -f /dev/null
  rm -f "$ct/pid"
}
enter() {
  [ "$keep" = 1 ] || set -- env -i ${environment} "$@"
  exec nsenter -t "$(cat "$ct/pid")" \${user:+--user --preserve-credentials} --mount --pid --wd="$PWD" -- "$@"
}
`

/**
 * Takes `exec`, `start`, `stop`, `status` and `config`, with the words and exit codes of PVE::CLI::pct.
 * @param dir holds a folder for each container, by its VMID, with what `pct config` prints in `conf`
 */
export const pctScript = (kind: Kind, dir: string): string => `#!/bin/sh
dir='${dir}' verb=$1 vmid=$2
ct=$dir/$vmid
fail() { echo "$2" >&2; exit "$1"; }
${kind === 'lxc' ? lxc : plain}
[ $# -ge 2 ] || fail 255 "ERROR: unknown command 'pct $*'"
shift 2
[ -f "$ct/conf" ] || fail 2 "Configuration file 'nodes/pve/lxc/$vmid.conf' does not exist"
case $verb in
  status) running && echo 'status: running' || echo 'status: stopped' ;;
  config) cat "$ct/conf" ;;
  start) running && fail 255 "CT $vmid already running"; start ;;
  stop) running || fail 255 "CT $vmid not running"; stop ;;
  exec)
    keep=1
    [ "$1" = --keep-env ] && { keep=$2; shift 2; }
    [ "$1" = -- ] && shift
    running || fail 255 "container '$vmid' not running!"
    enter "$@"
    ;;
  *) fail 255 "ERROR: unknown command 'pct $verb'" ;;
esac
`

export interface LxcOptions {
  /** The container's own: what it changes of its root, and its programs in `bin`. */
  readonly folder: string
  readonly name: string
  /** The root that all containers begin with; none changes it. */
  readonly root: string
  readonly mounts: readonly string[]
}

/** The network is the machine's, so that servers of tests on loopback are reached at the same address. */
export function lxcConfig({ folder, name, root, mounts }: LxcOptions): string {
  const path = (text: string) => text.replaceAll(' ', '\\040')
  return [
    `lxc.rootfs.path = overlay:${root}:${join(folder, 'upper')}`,
    `lxc.uts.name = ${name}`,
    'lxc.include = /usr/share/lxc/config/common.conf',
    'lxc.net.0.type = none',
    'lxc.apparmor.profile = unconfined',
    'lxc.mount.auto = proc:mixed sys:ro cgroup:mixed',
    'lxc.init.cmd = /lib/systemd/systemd',
    'lxc.signal.halt = SIGRTMIN+3',
    'lxc.tty.max = 0',
    `lxc.mount.entry = ${path(join(folder, 'bin'))} usr/local/bin none bind,ro 0 0`,
    ...mounts.map((at) => `lxc.mount.entry = ${path(at)} ${path(at.slice(1))} none bind,create=dir 0 0`),
    '',
  ].join('\n')
}
