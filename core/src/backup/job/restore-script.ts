/** The scripts of a restore. What is live is touched last, whole and by a rename, except by files that are wanted in place. */
import { quoteWord } from '../../shell/quote.ts'
import { type PostgresSource, postgresSetup, tidying } from './postgres-script.ts'
import { assign, jobText, sh } from './shell.ts'
import type { JobBase } from './types.ts'

/** What is read of which snapshot. Numbers are those that the restored must have. */
interface From {
  readonly snapshot: string
  readonly path: string
  readonly files: number
  readonly bytes: number
}

export interface FilesRestore extends From {
  /** Where to; undefined: over what is there. */
  readonly to?: string
}

export interface DatabaseRestore extends From {
  readonly postgres: PostgresSource
  /** Of the dump's folder under `path`, or its one file when it was streamed. */
  readonly folder: string
  /** Of what was streamed: the proof, which has the roles. */
  readonly proof?: string
  /** Bytes that the database had. */
  readonly size: number
  /** Made for it, and never one that is there. */
  readonly into: string
  /** Then it takes the place of `live`, which is called `before` from then on. */
  readonly swap?: { readonly live: string; readonly before: string }
}

export const filesText = (base: JobBase, { to, ...from }: FilesRestore): string =>
  jobText(
    base,
    [
      ...fromLines(from),
      assign('HL_TO', to ?? ''),
      assign('HL_INCLUDE', literal(from.path)),
      tidying,
      to === undefined ? inPlace : beside,
    ].join('\n'),
  )

export const databaseText = (base: JobBase, restore: DatabaseRestore): string => {
  const { postgres, folder, proof, size, into, swap, ...from } = restore
  return jobText(
    base,
    [
      ...fromLines(from),
      assign('HL_DUMP', folder),
      assign('HL_SIZE', size),
      assign('HL_PROOF', proof ?? ''),
      assign('HL_INTO', into),
      assign('HL_LIVE', swap?.live ?? ''),
      assign('HL_BEFORE', swap?.before ?? ''),
      `include() { set -- --include ${quoteWord(literal(`${from.path}/${folder}`))} --include ${quoteWord(
        literal(`${from.path}/globals.sql`),
      )} "$@"; fetch "$@"; }`,
      tidying,
      postgresSetup(postgres, `homelab-restore-${base.run}`),
      database,
    ].join('\n'),
  )
}

const fromLines = ({ snapshot, path, files, bytes }: From): string[] => [
  assign('HL_SNAPSHOT', snapshot),
  assign('HL_PATH', path),
  assign('HL_FILES', files),
  assign('HL_BYTES', bytes),
  fetching,
]

/** restic takes patterns: what means something in one is taken for itself. */
export const literal = (path: string): string => path.replaceAll(/[\\*?[\]]/g, '\\$&')

const fetching = sh`
fetch() {
  patience
  run INT "$HL_RESTIC" restore --json $HL_RETRY "$HL_SNAPSHOT" "$@" >>out.jsonl 2>>err
  code=$?
  say exit ",\"program\":\"restic\",\"code\":$code"
  untick
  check
  [ "$code" = 0 ] || fail restic 69
}
`

const beside = sh`
tidy() { untick; }
step look
parent=@{HL_TO%/*}
[ -d "@{parent:-/}" ] || fail no-parent 64
if [ -e "$HL_TO" ] || [ -L "$HL_TO" ]; then fail exists 64; fi
mkdir "$parent/.homelab-restore-$HL_RUN" || fail disk 77
data=$parent/.homelab-restore-$HL_RUN
room "$data" "$HL_BYTES"
step fetch
tick "$HL_BYTES" sh -c 'du -sk "$1" | awk "{ printf \"%.0f\", \$1 * 1024 }"' homelab "$data"
fetch --verify --target "$data" --include "$HL_INCLUDE"
[ -e "$data$HL_PATH" ] || fail not-in-snapshot 64
[ "$(weigh "$data$HL_PATH")" = "$HL_FILES $HL_BYTES" ] || fail incomplete 67
step place
mv -nT "$data$HL_PATH" "$HL_TO" && [ ! -e "$data$HL_PATH" ] || fail exists 64
step done
exit 0
`

/** Fetched and verified beside it first: what is live is not touched by what cannot be read; and restic 0.14 leaves no link be. */
const inPlace = sh`
tidy() { untick; }
step look
parent=@{HL_PATH%/*}
[ -d "@{parent:-/}" ] || fail no-parent 64
mkdir "$parent/.homelab-restore-$HL_RUN" || fail disk 77
data=$parent/.homelab-restore-$HL_RUN
room "$data" "$HL_BYTES"
step fetch
tick "$HL_BYTES" sh -c 'du -sk "$1" | awk "{ printf \"%.0f\", \$1 * 1024 }"' homelab "$data"
fetch --verify --target "$data" --include "$HL_INCLUDE"
[ -e "$data$HL_PATH" ] || fail not-in-snapshot 64
[ "$(weigh "$data$HL_PATH")" = "$HL_FILES $HL_BYTES" ] || fail incomplete 67
step place
run TERM cp -aT --remove-destination "$data$HL_PATH" "$HL_PATH" 2>>err
code=$?
check
[ "$code" = 0 ] || fail disk 77
step done
exit 0
`

/**
 * Both renames are one transaction: there is a live database before, after and whenever it breaks off. It cannot begin
 * while somebody is connected, and whoever was thrown out comes back at once: hence the tries.
 */
const database = sh`
made=
tidy() {
  untick
  if [ -n "$made" ]; then drop "$HL_INTO"; fi
}
if [ -n "$HL_PROOF" ]; then
  # What had no room to be dumped into has none to be fetched into.
  from=$HL_DUMP globals=$data/globals.sql
  run INT pull "$HL_PROOF" globals.sql >"$globals" 2>>err
  code=$?
  check
  [ "$code" = 0 ] || fail restic 69
else
  room "$data" "$HL_BYTES"
  step fetch
  tick "$HL_BYTES" sh -c 'du -sk "$1" | awk "{ printf \"%.0f\", \$1 * 1024 }"' homelab "$data"
  include --target "$data"
  from=$data$HL_PATH/$HL_DUMP globals=$data$HL_PATH/globals.sql
  [ -d "$from" ] || fail not-in-snapshot 64
fi
[ -s "$globals" ] || fail not-in-snapshot 64
own "$data"
# A stream is read to its end into a database of its own, and fetched once.
if [ -d "$from" ]; then
  step read
  unpack "$from" -f /dev/null 2>>err
  code=$?
  check
  [ "$code" = 0 ] || fail unreadable 66
fi
step roles
new=$(roles "$globals") || fail roles 65
say roles ",\"new\":$new"
step restore
[ -z "$(printf "SELECT 1 FROM pg_catalog.pg_database WHERE datname = :'name';\n" | ask -v "name=$HL_INTO")" ] || fail exists 64
made=1
make "$HL_INTO" "$from" || fail make 65
check
tick "$HL_SIZE" grown "$HL_INTO"
unpack "$from" --exit-on-error -d "$HL_INTO" 2>>err
code=$?
untick
check
[ "$code" = 0 ] || fail restore 66
pg psql -qAtX -v ON_ERROR_STOP=1 -d "$HL_INTO" -c ANALYZE 2>>err || fail restore 66
check
if [ -n "$HL_LIVE" ]; then
  step swap
  cat >"$work/swap.sql" <<'END'
SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity WHERE datname = :'live';
BEGIN;
ALTER DATABASE :"live" RENAME TO :"before";
ALTER DATABASE :"into" RENAME TO :"live";
COMMIT;
END
  own "$work/swap.sql"
  try=1
  until ask -v "live=$HL_LIVE" -v "before=$HL_BEFORE" -v "into=$HL_INTO" -f "$work/swap.sql" >/dev/null 2>>err; do
    check
    [ "$try" -lt 10 ] || fail swap 65
    try=$((try + 1))
  done
fi
made=
step done
exit 0
`
