/**
 * The script of a backup: dump, read the dump to its end, back up, read back, prove; all by itself where the data is. A snapshot
 * without its proof is none: nothing here counts an exit code as one.
 */
import { dumpText } from './dump-script.ts'
import { assign, jobText, sh, words } from './shell.ts'
import type { JobSpec } from './types.ts'

export const backupText = (spec: JobSpec): string =>
  jobText(spec, [saving, source(spec), readingBack, proving].join('\n'), once(spec))

/** Whoever sent this has looked before it had the lock: another job may have come and gone since. */
const once = ({ saved, due }: JobSpec): string =>
  [assign('saved', saved), assign('due', due ?? ''), onceBody].join('\n')

const onceBody = sh`
if [ -n "$due" ] && [ -f "$saved" ] && read -r last <"$saved" && [ "$last" -ge "$due" ]; then fail saved 75; fi
date +%s >started 7>&- 9>&- &
`

const saving = sh`
save() {
  patience
  word=out.jsonl
  run INT "$HL_RESTIC" backup --json $HL_RETRY --host "$HL_HOST" --tag "plan=$HL_PLAN,run=$HL_RUN" "$@" >>out.jsonl 2>>err
  code=$?
  say exit ",\"program\":\"restic\",\"code\":$code"
  check
  [ "$code" != 127 ] || fail no-restic 78
  [ "$code" != 3 ] || fail partial 3
  [ "$code" = 0 ] || fail restic 69
  sum_up
}
`

/** What is saved, and what can be said of it. */
function source({ source }: JobSpec): string {
  if (source.kind === 'files') {
    const excludes = source.exclude.flatMap((pattern) => ['--exclude', pattern])
    return [`set -- ${words(source.paths)}`, filesBody, `save ${words([...excludes, '--'])} "$@"`].join('\n')
  }
  return dumpText(source)
}

/** Of a link restic saves where it leads, and nothing of what is there. Unmounted, a RAID leaves an empty folder behind; and restic 0.14 leaves out what is missing without a word. */
const filesBody = sh`
step look
index=0
for path; do
  [ ! -L "@{path%/}" ] || { say source ",\"index\":$index"; fail source-link 64; }
  [ -e "$path" ] || { say source ",\"index\":$index"; fail source-missing 64; }
  if [ -d "$path" ] && [ -z "$(ls -A "$path" | head -n 1)" ]; then say source ",\"index\":$index"; fail source-empty 64; fi
  index=$((index + 1))
done
step save
`

/**
 * The files of the snapshot are counted, and one of them, by chance among those that changed last, is fetched out of the repository
 * past the cache: its key, the snapshot, the index, the folders on the way to it and its pieces, whose hashes restic compares. Of a
 * large one the beginning is enough: the whole is what drills and the rotating verification are for. Without locks: restic leaves
 * its own behind when nobody takes the rest, and what is paused must not wait for another one's.
 */
const readingBack = sh`
put_back
check
step read-back
of snapshot_id; id=$value
of total_files_processed; files=$value
of total_bytes_processed; bytes=$value
[ -n "$id" ] && [ -n "$bytes" ] && [ "$files" -gt 0 ] || fail no-snapshot 67
word=
mkfifo names content || fail disk 77
# Their ends are opened by whom the other one need not be there for: a signal while a shell waits in an open would leave it waiting.
exec 4<>names 5<names 6>names 4>&-
# A path that JSON would write otherwise is none to choose: to undo that is nothing for a shell.
awk -v "seed=$$" 'BEGIN { srand(seed) }
  /"type":"file"/ {
    all++
    if (!match($0, /"path":"[^"\\]*","uid":/)) next
    path = substr($0, RSTART + 8, RLENGTH - 16)
    if (!match($0, /"size":[1-9][0-9]*/)) next
    bytes = substr($0, RSTART + 7, RLENGTH - 7)
    day = match($0, /"ctime":"[0-9]+-[0-9]+-[0-9]+/) ? substr($0, RSTART + 9, RLENGTH - 9) : ""
    if (day > newest) { newest = day; found = 0 }
    if (day == newest && rand() * ++found < 1) { chosen = path; size = bytes }
  }
  END { printf "%d\n%s\n%s\n", all, size == "" ? "-" : size, chosen }' <&5 >chosen 2>>err 5<&- 6>&- 7>&- 9>&- &
choosing=$!
exec 5<&-
run INT "$HL_RESTIC" ls --json --no-lock "$id" >&6 2>>err 6>&-
code=$?
exec 6>&-
wait "$choosing"
check
[ "$code" = 0 ] || fail read-back 66
{ read -r value && read -r size && IFS= read -r path; } <chosen || fail disk 77
[ "$value" = "$files" ] || fail mismatch 67
if [ "$size" != - ]; then
  most=16777216
  # Only those who read may hold that end: restic is to notice when they have enough.
  exec 4<>content 5<content 6>content 4>&-
  head -c "$most" <&5 2>>err 5<&- 6>&- 7>&- 9>&- | wc -c >fetched 5<&- 6>&- 7>&- 9>&- &
  counting=$!
  exec 5<&-
  run INT "$HL_RESTIC" dump --no-cache --no-lock "$id" "$path" >&6 2>>err 6>&-
  code=$?
  exec 6>&-
  wait "$counting"
  check
  # Nobody takes the rest of a large one, which restic calls an error.
  if [ "$size" -gt "$most" ]; then size=$most code=0; fi
  read -r value <fetched && [ "$code" = 0 ] && [ "$value" -eq "$size" ] || fail read-back 66
fi
`

const proving = sh`
step prove
rows=
[ ! -f tables ] || {
  rows=0
  while IFS= read -r line; do
    value=@{line##*\"rows\" : }
    case $value in [0-9]*) rows=$((rows + @{value%%[!0-9]*})) ;; esac
  done <tables
}
mkdir proof && {
  printf '{"plan":"%s","run":"%s","of":"%s","files":%s,"bytes":%s,"at":"%s"}\n' "$HL_PLAN" "$HL_RUN" "$id" "$files" "$bytes" "$(at)"
  [ ! -f tables ] || cat tables
} >proof/manifest.jsonl || fail disk 77
set -- manifest.jsonl
# Of what was streamed: beside the one file that its snapshot has there is no place for it.
[ ! -f globals.sql ] || { mv globals.sql proof/ && set -- "$@" globals.sql || fail disk 77; }
cd proof || fail disk 77
word=$HL_DIR/proof.jsonl
run INT "$HL_RESTIC" backup --json --host "$HL_HOST" $HL_RETRY \
  --tag "proof,plan=$HL_PLAN,run=$HL_RUN,of=$id,files=$files,bytes=$bytes@{rows:+,rows=$rows}" "$@" >>../proof.jsonl 2>>../err
code=$?
cd "$HL_DIR" || exit 1
say exit ",\"program\":\"restic\",\"code\":$code"
check
[ "$code" = 0 ] || fail proof 69
if read -r began <started; then printf '%s\n' "$began" >"$saved"; fi
step done
exit 0
`
