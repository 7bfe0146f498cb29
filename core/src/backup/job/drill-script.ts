/**
 * What the scripts of all drills have: a snapshot is fetched as after a fire, with a fresh cache and the recovery keys, restored
 * beside what is live, compared, and thrown away. Only a drill that found nothing wrong leaves its word in the repository.
 */
import { tidying } from './postgres-script.ts'
import { assign, sh } from './shell.ts'

/** Before the names of the recovery copy's variables. */
export const recoveryPrefix = 'HL_RECOVERY_'

export interface Drilled {
  readonly snapshot: string
  readonly files: number
  readonly bytes: number
  /** Names of variables of the recovery copy; undefined: there is none, and the ordinary ones are used. */
  readonly recovery?: readonly string[]
}

/** Variables, and `fetch`. */
export const common = ({ snapshot, files, bytes, recovery }: Drilled): string[] => [
  assign('HL_SNAPSHOT', snapshot),
  assign('HL_FILES', files),
  assign('HL_BYTES', bytes),
  // As `become`: only for `run`, which gives it a process of its own.
  'recovered() {',
  ...(recovery === undefined
    ? []
    : [
        'address=$RESTIC_REPOSITORY',
        'unset $HL_SECRETS_LIVE x',
        'export RESTIC_REPOSITORY="$address"',
        ...recovery.map((name) => `export ${name}="$${recoveryPrefix}${name}"`),
      ]),
  'exec "$HL_RESTIC" "$@"',
  '}',
  'HL_SECRETS_LIVE=',
  `for name in $HL_SECRETS; do case $name in ${recoveryPrefix}* | HL_ORIGINALS_*) ;; *) HL_SECRETS_LIVE="$HL_SECRETS_LIVE $name" ;; esac; done`,
  tidying,
  fetching,
]

const fetching = sh`
seconds() { awk '{ printf "%.0f", $1 * 1000 }' /proc/uptime; }
began=$(seconds) rows=0 tables=0 same=0 changed=0
# What a drill that was killed could not remove.
find "@{HL_DIR%/*}" -mindepth 2 -maxdepth 2 -name cache -mtime +0 -exec rm -rf {} + 2>/dev/null
# missed: all that restic has complained about since err was KNOWN bytes long is packs that are not there, and none that is damaged.
missed() {
  tail -c "+$((known + 1))" err | grep -v ' returned error, retrying after ' >missed
  grep -Eqi '(data/[0-9a-f]+|StreamPack|ReadFull|pack [0-9a-f]+).*(does not exist|not found|no such file or directory)|not found in (the )?(index|repository)' missed &&
    ! grep -Eqi 'ciphertext verification|data returned|does not match|unexpected (file size|pack id)|: (unexpected )?EOF|too short|damaged pack' missed
}
# twice COMMAND…: which sets code. Nothing keeps a prune from elsewhere off, which puts what is needed into other packs than the index
# had that restic has read: it is asked once more, and only then is anything gone. What it said before is no word of the end.
twice() {
  : >>err
  known=$(wc -c <err)
  "$@"
  if [ "$code" = 0 ] || [ -n "$cancelled" ] || ! missed; then return; fi
  truncate -s "$known" err
  step "$stage"
  "$@"
}
fetched() {
  find "$data" -mindepth 1 -delete 2>/dev/null
  run INT recovered restore --json --cache-dir "$HL_DIR/cache" --no-lock "$HL_SNAPSHOT" "$@" >>out.jsonl 2>>err
  code=$?
}
# Without a lock: keys that may only read cannot take one, and restic 0.14 leaves it behind when it is cancelled early.
fetch() {
  twice fetched "$@"
  untick
  say exit ",\"program\":\"restic\",\"code\":$code"
  check
  [ "$code" = 0 ] || fail restic 69
  rm -rf cache
}
`

/** With the ordinary keys: those of the recovery copy need not be able to write. */
export const evidence = sh`
step evidence
ms=$(($(seconds) - began))
mkdir evidence && printf '{"plan":"%s","run":"%s","of":"%s","tables":%s,"rows":%s,"same":%s,"changed":%s,"ms":%s,"at":"%s"}\n' \
  "$HL_PLAN" "$HL_RUN" "$HL_SNAPSHOT" "$tables" "$rows" "$same" "$changed" "$ms" "$(at)" >evidence/drill.json && cd evidence || fail disk 77
patience
word=$HL_DIR/drill.jsonl
run INT "$HL_RESTIC" backup --json --host "$HL_HOST" $HL_RETRY \
  --tag "drilled,plan=$HL_PLAN,of=$HL_SNAPSHOT,run=$HL_RUN,ms=$ms" drill.json >>../drill.jsonl 2>>../err
code=$?
cd "$HL_DIR" || exit 1
check
[ "$code" = 0 ] || fail evidence 69
say passed ",\"ms\":$ms,\"tables\":$tables,\"rows\":$rows,\"same\":$same,\"changed\":$changed"
step done
exit 0
`
