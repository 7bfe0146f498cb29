/**
 * What stands between a command that nobody attends and its questions: on its own machine by BASH_ENV and first on PATH, and in
 * the containers that it enters by `lxc-attach` or `pct exec` as functions of bash, which come with the command. A question is
 * answered when an answer was given for it. Any other is written down, and ends everything.
 *
 * Recognised: whiptail and dialog; bash's `read` with `-p`, when what it would read is a device (/dev/null) and no terminal.
 * Not recognised, so that it gets the end of its input as without us: `read` without `-p` after an echo, from /dev/tty, and of sh
 * and other programs; in a container what has no bash, is entered without `--` or by the path of `pct`, or comes below a `sudo`
 * or an `sh`, which drop functions.
 */
import { sh } from '../backup/job/shell.ts'
import { quoteWord } from '../shell/quote.ts'

/** An answer that was given before: to any question whose text has these words. */
export interface Answer {
  readonly question: string
  /** `yes` or `no` for a box with these two. */
  readonly answer: string
}

/** As the shell reads them: a question and its answer in turn, each a line. */
export const answersEnv = (answers: readonly Answer[]): Readonly<Record<string, string>> =>
  answers.length === 0
    ? {}
    : { HOMELAB_ANSWERS: answers.flatMap(({ question, answer }) => [question, answer]).join('\n') }

/**
 * `session`: the process groups of the session of `$pid` that have something alive, its own first; `timeout` and job control make
 * more than that one. A whole group is told at once, so that none of it goes on by the end of another.
 */
export const session = sh`
session() {
  all=
  for stat in /proc/[0-9]*/stat; do
    line=
    { read -r line <"$stat"; } 2>/dev/null || continue
    set -- @{line##*) }
    [ "@{1:-Z}" != Z ] && [ "@{4:-}" = "$pid" ] || continue
    case " $all " in
      *" $3 "*) ;;
      *) if [ "$3" = "$pid" ]; then all="$3 $all"; else all="$all $3"; fi ;;
    esac
  done
  [ -n "$all" ]
}
tell() { for group in $all; do kill -s "$1" -- "-$group" 2>/dev/null; done; }
`

/** On the machine itself. Parameters: `answered` or `asks`, and a line. Not by its streams: a script may have put them anywhere. */
export const tell = [
  sh`#!/bin/sh
dir=@{0%/bin/*}
if [ "$1" = answered ]; then printf '%s\n' "$2" >>"$dir/out"; exit; fi
# It may be in the session itself.
trap : TERM
printf '%s\n' "$2" >"$dir/asked"
printf 'It asks: %s\n' "$2" >>"$dir/out"
read -r pid began <"$dir/pid"`,
  session,
  'session && tell TERM\n',
].join('\n')

/** Of sh, with \`local\`. They share \`hl_text\`, the question, and \`hl_answer\`, which are local to who is asked. */
const helpers: Readonly<Record<string, string>> = {
  // The other end of 8 is the \`attach\` below, on the machine that the container is of.
  homelab_tell: sh`
  if [ -n "@{HOMELAB_UNATTENDED-}" ]; then "$HOMELAB_UNATTENDED/bin/homelab-tell" "$1" "$2"
  else printf '%s %s\n' "$1" "$2" >&8; fi
`,
  homelab_answer: sh`
  local hl_newline='
' hl_question='' hl_rest=''
  hl_text=$(printf '%s' "$hl_text" | tr '\n\t' '  ' | sed 's/^ *//; s/ *$//')
  hl_rest=@{HOMELAB_ANSWERS:+$HOMELAB_ANSWERS$hl_newline}
  while [ -n "$hl_rest" ]; do
    hl_question=@{hl_rest%%"$hl_newline"*} hl_rest=@{hl_rest#*"$hl_newline"}
    hl_answer=@{hl_rest%%"$hl_newline"*} hl_rest=@{hl_rest#*"$hl_newline"}
    case $hl_text in
      *"$hl_question"*)
        # Of these boxes another word is no answer.
        case $1,$hl_answer in --yesno,yes | --yesno,no) ;; --yesno,*) continue ;; esac
        homelab_tell answered "It asked: $hl_text; answered: $hl_answer" || :
        return 0
        ;;
    esac
  done
  # To go on with "no" would be an answer as well: it waits for its end.
  homelab_tell asks "$hl_text" || { printf 'It asks: %s\n' "$hl_text" >&2; exit 1; }
  while :; do sleep 1 || :; done
`,
  // What only shows something needs no answer.
  homelab_dialog: sh`
  local hl_text='' hl_answer='' hl_kind='' hl_fd=2
  while [ $# -gt 0 ]; do
    case $1 in
      --infobox | --msgbox) printf '%s\n' "@{2:-}" >&2; return 0 ;;
      --gauge) cat >/dev/null; return 0 ;;
      --stdout) hl_fd=1 ;;
      --output-fd) hl_fd=@{2:-2} ;;
      --yesno | --menu | --inputbox | --passwordbox | --radiolist | --checklist | --form | --editbox)
        hl_kind=$1 hl_text=@{2:-a question}
        break
        ;;
    esac
    shift
  done
  hl_text=@{hl_text:-a dialog}
  homelab_answer "$hl_kind"
  case $hl_kind,$hl_answer in
    --yesno,no) return 1 ;;
    --yesno,*) ;;
    *) printf '%s' "$hl_answer" >&"$hl_fd" ;;
  esac
`,
}

/** Of bash. In a container /dev/null is not the same file, but a device like the other. */
const asked: Readonly<Record<string, string>> = {
  whiptail: '\n  homelab_dialog "$@"\n',
  dialog: '\n  homelab_dialog "$@"\n',
  read: sh`
  local hl_arg='' hl_next='' hl_text='' hl_answer=''
  for hl_arg in "$@"; do
    if [ "$hl_next" = p ]; then hl_text=$hl_arg; break; fi
    if [ -n "$hl_next" ]; then hl_next=; continue; fi
    case $hl_arg in -?*) ;; *) break ;; esac
    hl_arg=@{hl_arg#-}
    while [[ $hl_arg == [ers]?* ]]; do hl_arg=@{hl_arg#?}; done
    case $hl_arg in
      p?*) hl_text=@{hl_arg#p}; break ;;
      [adinNtp]) hl_next=$hl_arg ;;
      u*) break ;;
    esac
  done
  if [ -n "$hl_text" ] && [ -c /dev/stdin ] && [ ! -t 0 ]; then
    homelab_answer read
    builtin read "$@" <<<"$hl_answer"
    return
  fi
  builtin read "$@"
`,
}

const defined = (functions: Readonly<Record<string, string>>): string =>
  Object.entries(functions)
    .map(([name, body]) => `${name}() {${body}}\n`)
    .join('')

/** Every bash below reads this first. */
export const guard = defined({ ...helpers, ...asked })

export const dialog = `#!/bin/sh\n${defined(helpers)}homelab_dialog "$@"\n`

const functionWords = Object.entries({ ...helpers, ...asked })
  .map(([name, body]) => quoteWord(`BASH_FUNC_${name}%%=() {${body}}`))
  .join(' \\\n      ')

/**
 * As `lxc-attach` and as `pct`, where there are these. The functions are words of the command itself, because an environment may be
 * cleared on the way in, and sh drops what is no name of its own. They speak by 8, a pipe to here.
 */
export const attach = [
  sh`#!/bin/sh
dir=@{0%/bin/*} name=@{0##*/}
rest=$PATH: PATH=
while [ -n "$rest" ]; do
  at=@{rest%%:*} rest=@{rest#*:}
  [ "$at" = "$dir/bin" ] || PATH=@{PATH:+$PATH:}$at
done
export PATH
at= left=$#
[ "$name" != pct ] || [ "@{1:-}" = exec ] || left=0
for arg do
  shift
  left=$((left - 1))
  set -- "$@" "$arg"
  if [ -z "$at" ] && [ "$arg" = -- ] && [ "$left" -gt 0 ]; then
    at=1
    set -- "$@" env BASH_ENV= HOMELAB_UNATTENDED= "HOMELAB_ANSWERS=@{HOMELAB_ANSWERS-}" \
      `,
  functionWords,
  sh`
  fi
done
[ -n "$at" ] || exec "$name" "$@"
exec 7>&1
{ "$name" "$@" 8>&1 >&7 7>&-; echo "ended $?"; } | {
  exec 7>&-
  while read -r word text; do
    case $word in
      ended) exit "$text" ;;
      asks | answered) "$dir/bin/homelab-tell" "$word" "$text" ;;
    esac
  done
  exit 255
}
`,
].join('')
