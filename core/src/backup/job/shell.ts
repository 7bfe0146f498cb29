/**
 * The shell around every job: POSIX sh with util-linux beside it, because nothing else is surely there on a Proxmox host
 * and in its containers.
 *
 * What it promises, and its reader (`follow.ts`) relies on:
 * - only one process ever begins a folder, and only one a plan (`flock`, which children hold on to);
 * - `rc` appears last, whole, and says how it ended; without it and without its process the job is lost;
 * - `alive` is locked from before `pid` is there until after `rc` is;
 * - on SIGINT restic is asked first (SIGTERM and SIGKILL leave its lock behind in 0.14), and never by a terminal;
 * - what was stopped for it goes again in the end, unless the job itself is killed.
 */
import { quoteArgv, quoteWord } from '../../shell/quote.ts'
import type { JobBase } from './types.ts'

/**
 * Its last line begins it: of a text that breaks off half-way, with its connection, nothing is done.
 * @param work shell that may use `run`, `step`, `check`, `fail`, `say`, `of` and the folders `data` and `work`, which are removed in the end
 * @param first shell that comes as soon as it has the lock, before anything is paused
 */
export const jobText = (base: JobBase, work: string, first = ''): string =>
  [...header(base), 'main() {', awaiting, beginning, first, pausing, work, '}', 'main', ''].join('\n')

/** Shell as it is, but for what would end the text or call for a value here: `@{` is a parameter, `@<` and `@>` backticks. */
export const sh = ({ raw }: TemplateStringsArray): string =>
  (raw[0] ?? '').replaceAll('@{', '$\u007b').replaceAll(/@[<>]/g, '`')

export const assign = (name: string, value: string | number): string => `${name}=${quoteWord(String(value))}`

export const words = (argv: readonly string[]): string => argv.map(quoteWord).join(' ')

function header({
  directory,
  environment,
  lock,
  plan,
  run,
  host,
  restic,
  before,
  after,
  ...base
}: JobBase): string[] {
  const commands = (name: string, argvs: readonly (readonly string[])[], failed: string) => [
    `${name}() {`,
    // A daemon that a hook leaves behind must not keep the locks, nor the pipes of a dump.
    ...argvs.map(
      (argv, index) => `hook ${name} ${index} ${quoteArgv(argv)} 5>&- 6>&- 7>&- 9>&- || ${failed}`,
    ),
    ':',
    '}',
  ]
  return [
    assign('HL_DIR', directory),
    assign('HL_ENV', environment),
    assign('HL_LOCK', lock),
    assign('HL_PLAN', plan),
    assign('HL_RUN', run),
    assign('HL_HOST', host),
    assign('HL_RESTIC', restic),
    assign('HL_SECRETS', base.secrets.join(' ')),
    ...commands('before', before, '{ hooked=1; return; }'),
    ...commands('after', after, 'hooked=1'),
  ]
}

/**
 * `awaited`: the code of `$child`. A trap ends a wait. `stop` is called by the trap, sets `cancelled` and sends the signal, which is
 * lost while the child is not ready for it: one that dash has just forked forgets it with the traps that it inherited (499 of 500
 * that were sent at once), and restic takes no notice until it has set itself up. So it is sent again.
 */
export const awaiting = sh`
child= cancelled=
lives() { case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in '' | Z*) return 1 ;; esac; }
awaited() {
  while :; do
    turn=1
    while [ -n "$cancelled" ] && lives "$child"; do
      [ $((turn % 20)) != 0 ] || stop
      turn=$((turn + 1))
      sleep 0.1
    done
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  child=
  return "$code"
}
`

const beginning = sh`
set -u
umask 077
cd "$HL_DIR" || exit 1
mkdir begun 2>/dev/null || exit 0
# By the shell's own means, here and below: a program takes 10 ms to start on a small machine.
read -r boot </proc/sys/kernel/random/boot_id
read -r stat <"/proc/$$/stat"
set -- @{stat##*) }
exec 7>alive && flock 7
printf '%s %s %s\n' "$$" "@{20}" "$boot" >pid.tmp && mv pid.tmp pid || exit 77
if [ -f "$HL_ENV" ]; then . "$HL_ENV"; rm -f "$HL_ENV" & fi
cd "$HL_DIR" || exit 1
export HOME="@{HOME:-/root}" RESTIC_PROGRESS_FPS=1
HL_RETRY= asking= asked= beside= readers= word= held= hooked= paused= stuck= stage=begin reason=
data= work=

at() { date -u +%Y-%m-%dT%H:%M:%SZ; }
say() { printf '{"homelab":"%s"%s}\n' "$1" "@{2:-}" >>out.jsonl; }
step() { stage=$1; say stage ",\"stage\":\"$1\""; }
fail() { reason=$1; exit "$2"; }

# early: restic before 0.16 leaves the lock behind that it makes in the 0.2 s before its first word, which goes to that file. One that
# says nothing for 10 s has not come so far.
early() {
  [ -n "$word" ] && [ -z "$HL_RETRY" ] && ! grep -q message_type "$word" 2>/dev/null || return 1
  read -r now _ </proc/uptime
  held=@{held:-@{now%.*}}
  [ $((@{now%.*} - held)) -lt 10 ]
}
stop() {
  cancelled=1
  if [ -n "$work" ] && [ -f "$work/dump.pid" ]; then kill -TERM "$(cat "$work/dump.pid")" 2>/dev/null; fi
  if [ -n "$child" ] && { [ "$asked" != INT ] || ! early; }; then kill -s "$asked" "$child" 2>/dev/null; fi
}
# run SIGNAL COMMAND…: in the background, because a trap waits for what is in the foreground.
run() {
  asked=$1
  shift
  [ -z "$cancelled" ] || return 130
  "$@" &
  child=$!
  awaited
}
# quit: ends the restic that runs beside the child; its code, or 130 when it had not ended by itself. It takes no notice of
# a signal until it has set itself up; since 0.17 it then waits for its input, which may end only when it has noticed:
# else it would save what it has.
quit() {
  [ -n "$beside" ] || return 0
  turn=0
  while lives "$beside"; do
    if early; then sleep 0.1; continue; fi
    signal=INT
    [ "$(readlink "/proc/$beside/exe")" != "$(readlink "/proc/$$/exe")" ] || signal=TERM
    [ $((turn % 20)) != 0 ] || kill -s "$signal" "$beside" 2>/dev/null
    turn=$((turn + 1))
    sleep 0.1
    # On a full disk it has nowhere to say so.
    if [ "$turn" -gt 50 ] || tail -c 2000 err | grep -q 'received, cleaning up'; then
      sleep 0.2
      # A writer that is stuck in a pipe of ours must get its SIGPIPE; one that comes late finds it again.
      exec 8>&- 5>&- 6>&-
      sleep 0.1
      [ ! -p "$work/count" ] || exec 5<>"$work/read" 6<>"$work/count"
    fi
  done
  wait "$beside"
  left=$?
  [ "$turn" = 0 ] || left=130
  beside=
  exec 8>&-
  return "$left"
}
check() { [ -z "$cancelled" ] || fail cancelled 130; }
# hush: those that only read may still wait for a writer that never comes, and a writer that comes now must not wait for them. A
# signal that may be lost would not do.
hush() {
  [ -n "$readers" ] || return 0
  [ ! -p "$work/count" ] || exec 5<>"$work/read" 6<>"$work/count"
  kill -KILL $readers 2>/dev/null
  readers=
}
hook() {
  name=$1 index=$2
  shift 2
  # What may read the repository is none of its business; nor is it, or a daemon that it starts, to be deaf to signals.
  ( trap - INT TERM HUP; unset $HL_SECRETS x; exec "$@" ) >>hooks 2>&1 </dev/null && return 0
  say hook ",\"which\":\"$name\",\"index\":$index,\"code\":$?"
  return 1
}
# put_back: what was stopped goes again, once; as soon as nothing of it is read any more, and in the end whatever happens.
put_back() {
  [ -n "$paused" ] || return 0
  paused= hooked=
  step after
  after
  stuck=$hooked
}
finish() {
  code=$? where=$stage
  trap '' INT TERM HUP
  trap - EXIT
  hush
  quit
  put_back
  if [ -n "$stuck" ] && [ "$code" = 0 ]; then code=76 reason=after; fi
  if [ -e "$data" ] || [ -e "$work" ]; then rm -rf "$data" "$work"; fi
  [ ! -e "$HL_ENV" ] || rm -f "$HL_ENV"
  printf '%s %s %s\n' "$code" "$where" "@{reason:--}" >rc.tmp && mv rc.tmp rc
  exit "$code"
}
# holder: who has the lock, when that is still there and not only something that it began.
holder() {
  read -r pid <"$HL_LOCK" && [ "/proc/$pid/fd/9" -ef "$HL_LOCK" ] || return 0
  say holder ",\"pid\":$pid,\"seconds\":$(sed 's/.*) //' "/proc/$pid/stat" |
    awk '{ getline now <"/proc/uptime"; printf "%d", now - $20 / 100 }')"
} 2>/dev/null
trap finish EXIT
trap stop INT TERM HUP

command -v flock >/dev/null || fail no-flock 78
command -v "$HL_RESTIC" >/dev/null || fail no-restic 78
{ [ -d "@{HL_LOCK%/*}" ] || mkdir -p "@{HL_LOCK%/*}"; } && exec 9>>"$HL_LOCK" || fail disk 77
flock -n 9 || { holder; fail busy 75; }
printf '%s\n' "$$" >"$HL_LOCK" || fail disk 77
# Known by the time that it is wanted. A cache that a power cut has left with an empty version is one that 0.19 refuses for ever.
{
  find "@{RESTIC_CACHE_DIR:-@{XDG_CACHE_HOME:-$HOME/.cache}/restic}" -maxdepth 2 -name version -size 0 -mmin +1 -delete
  "$HL_RESTIC" version >version
} 2>/dev/null </dev/null 7>&- 9>&- &
asking=$!
# patience: restic 0.16 and newer wait for another one's lock.
patience() {
  [ -n "$asking" ] || return 0
  wait "$asking"
  asking=
  case $(cat version) in
  'restic 0.'[0-9].* | 'restic 0.1'[0-5].* | '') ;;
  *) HL_RETRY=--retry-lock=30m ;;
  esac
}

# of NAME: value, from the last summary of restic, once summed has it.
summed=
sum_up() { 
  # Before our own word of its end.
  summed=$(tail -n 2 out.jsonl)
  case $summed in *'"message_type":"summary"'*) ;; *) summed=$(grep '"message_type":"summary"' out.jsonl | tail -n 1) ;; esac
}
of() {
  value=@{summed#*\"$1\":}
  [ "$value" != "$summed" ] || { value=; return; }
  value=@{value#\"}
  value=@{value%%[!0-9a-f]*}
}
`

const pausing = sh`
step before
paused=1
before
[ -z "$hooked" ] || fail before 70
check
`
