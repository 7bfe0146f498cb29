/**
 * What runs beside a command that nobody attends: POSIX sh, with what Debian, Alpine and a Proxmox node have.
 *
 * The command has a session of its own, so that neither a lost connection nor a bot that dies takes it along, and no terminal.
 * Its folder is `<base>/<key>`: `pid` (with its start, for numbers are used again), `out`, `rc`, and `asked` when it asked.
 * What recognises a question is in `unattended-guard.ts`.
 */
import { sh } from '../backup/job/shell.ts'
import { quoteWord } from '../shell/quote.ts'
import { attach, dialog, guard, session, tell } from './unattended-guard.ts'

/** Parameters: the base folder or nothing, the key. */
const base = sh`
set -u
umask 077
base=@{1:-@{HOMELAB_WORK:-/var/lib/homelab}/unattended}
key=$2
dir=$base/$key
# alive: whether its shell is there, and is no other process of the same number.
alive() {
  line=
  { read -r line <"/proc/$pid/stat"; } 2>/dev/null || return 1
  set -- @{line##*) }
  [ "$1" != Z ] && [ "@{20}" = "$began" ]
}
`

/** The lock is the shell's alone: a daemon that the command leaves behind must not keep it. */
const run = sh`
dir=@{0%/*}
lock=$1
shift
read -r line </proc/$$/stat
began() { set -- @{line##*) }; printf %s "@{20}"; }
printf '%s %s\n' "$$" "$(began)" >"$dir/pid"
trap : TERM
if [ -n "$lock" ]; then
  exec 9>"@{dir%/*}/$lock.lock"
  flock 9 || { echo 143 >"$dir/rc"; exit; }
fi
export PATH="$dir/bin:$PATH" BASH_ENV="$dir/guard" HOMELAB_UNATTENDED="$dir"
"$@" 9>&-
echo "$?" >"$dir/rc"
`

/** By the shell itself, which costs no process. @param name may have variables of the shell */
const file = (name: string, text: string): string =>
  `printf '%s\\n' ${quoteWord(text.replace(/^\n/, ''))} >"$dir/${name}"`

/**
 * Further parameters: a lock's name or nothing, and the command. It begins once for each key: who comes again, or while another
 * begins it, finds it begun.
 */
export const startScript = [
  base,
  sh`
lock=$3
shift 3
mkdir -p "$base" || exit 70
exec 8>"$base/begin.lock"
flock 8 || exit 70
[ ! -s "$dir/pid" ] || exit 0
mkdir -p "$dir/bin" || exit 70`,
  file('bin/homelab-tell', tell),
  file('bin/whiptail', dialog),
  file('bin/dialog', dialog),
  file('guard', guard),
  file('run', run),
  // Where there are none, who looks for them is to find none.
  'for name in lxc-attach pct; do command -v "$name" >/dev/null || continue',
  file('bin/$name', attach),
  sh`
chmod 700 "$dir/bin/$name" || exit 70
done
chmod 700 "$dir/bin/homelab-tell" "$dir/bin/whiptail" "$dir/bin/dialog" || exit 70
setsid sh "$dir/run" "$lock" "$@" </dev/null >>"$dir/out" 2>&1 8>&- &
n=0
while [ ! -s "$dir/pid" ]; do
  [ "$n" -lt 200 ] || { cat "$dir/out" >&2; exit 70; }
  n=$((n + 1))
  sleep 0.05
done`,
].join('\n')

/**
 * Further parameter: the looks without a new word after which it is given up. Prints what the command prints, and on stderr,
 * once, how it ended: `rc N`, `asks TEXT`, `idle`, `gone` (killed, or the machine was), `none`.
 */
export const followScript = [
  base,
  sh`
[ -s "$dir/pid" ] || { echo none >&2; exit 0; }
read -r pid began <"$dir/pid"
at=0 still=0 asked=0 idle=
while :; do
  over=
  if [ -s "$dir/rc" ] || ! alive; then over=1; fi
  if [ -s "$dir/asked" ]; then asked=$((asked + 1)); [ "$asked" -lt 10 ] || over=1; fi
  size=$(($(wc -c <"$dir/out")))
  if [ "$size" -gt "$at" ]; then
    tail -c "+$((at + 1))" "$dir/out" | head -c "$((size - at))"
    at=$size still=0
  else
    still=$((still + 1))
    [ "$still" -lt "$3" ] || { over=1; idle=1; }
  fi
  [ -z "$over" ] || break
  sleep 0.3
done
if [ -s "$dir/asked" ]; then printf 'asks '; cat "$dir/asked"
elif [ -s "$dir/rc" ]; then printf 'rc '; cat "$dir/rc"
elif [ -n "$idle" ]; then echo idle
else echo gone; fi >&2
`,
].join('\n')

/** The whole session, first asked and after 5 s not asked any more. Ends with 1 when something of it lives on. */
export const stopScript = [
  base,
  session,
  sh`
[ -s "$dir/pid" ] || exit 0
read -r pid began <"$dir/pid"
if ! alive && [ -d "/proc/$pid" ]; then exit 0; fi
n=0
while session; do
  if [ "$n" -eq 0 ]; then tell TERM
  elif [ "$n" -ge 25 ]; then tell KILL
  fi
  [ "$n" -lt 40 ] || exit 1
  n=$((n + 1))
  sleep 0.2
done
exit 0
`,
].join('\n')

export const clearScript = [base, sh`rm -rf "$dir"`].join('\n')
