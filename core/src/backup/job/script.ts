/**
 * The script of a backup: dump, back up, read back, prove; all by itself where the data is. A snapshot without its proof
 * is none: nothing here counts an exit code as one.
 */
import { quoteWord } from '../../shell/quote.ts'
import { assign, jobText, sh, words } from './shell.ts'
import type { JobSpec } from './types.ts'

export const backupText = (spec: JobSpec): string => jobText(spec, [saving, source(spec), proving].join('\n'))

const saving = sh`
save() {
  run INT "$HL_RESTIC" backup --json $HL_RETRY --host "$HL_HOST" --tag "plan=$HL_PLAN,run=$HL_RUN" "$@" >>out.jsonl 2>>err
  code=$?
  say exit ",\"program\":\"restic\",\"code\":$code"
  check
  [ "$code" != 3 ] || fail partial 3
  [ "$code" = 0 ] || fail restic 69
}
`

/** What is saved, and what can be said of it. */
function source({ source }: JobSpec): string {
  if (source.kind === 'files') {
    const excludes = source.exclude.flatMap((pattern) => ['--exclude', pattern])
    return [`set -- ${words(source.paths)}`, filesBody, `save ${words([...excludes, '--'])} "$@"`].join('\n')
  }
  const { databases, user, host, port, jobs, staging } = source
  const list = databases === undefined ? 'ask_databases' : `printf '%s\\n' ${words(databases)}`
  return [
    assign('HL_USER', user),
    assign('HL_STAGING', staging),
    assign('HL_JOBS', jobs),
    'export HL_JOBS',
    ...(host === undefined ? [] : [`export PGHOST=${quoteWord(host)}`]),
    ...(port === undefined ? [] : [`export PGPORT=${port}`]),
    `databases() { ${list}; }`,
    postgresBody,
  ].join('\n')
}

/** Unmounted, a RAID leaves an empty folder behind; and restic 0.14 leaves out what is missing without a word. */
const filesBody = sh`
step look
index=0
for path; do
  [ -e "$path" ] || { say source ",\"index\":$index"; fail source-missing 64; }
  if [ -d "$path" ] && [ -z "$(ls -A "$path" | head -n 1)" ]; then say source ",\"index\":$index"; fail source-empty 64; fi
  index=$((index + 1))
done
step save
`

/** For psql: what is in a database, one JSON text a line; first itself, then each table with its rows and its newest time. */
export const tablesSql = sh`
SELECT json_build_object('database', current_database(), 'version', current_setting('server_version'),
  'bytes', pg_catalog.pg_database_size(current_database()),
  'extensions', coalesce((SELECT json_object_agg(extname, extversion) FROM pg_catalog.pg_extension), '{}'));
SELECT format('SELECT json_build_object(''table'', %L, ''rows'', count(*), ''newest'', %s) FROM ONLY %I.%I',
  format('%I.%I', n.nspname, c.relname), coalesce('max(' || quote_ident(t.attname) || ')', 'NULL'), n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (SELECT a.attname FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN (1114, 1184)
  ORDER BY a.attname !~* 'updat|modif', a.attname !~* 'creat|insert', a.attnum LIMIT 1) t ON true
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname \gexec
`

/**
 * `psql` holds the transaction whose snapshot `pg_dump` is given, so that the manifest counts exactly what was dumped.
 * Both run as the database's user, without the secrets of the repository.
 */
const postgresBody = [
  sh`
step look
command -v pg_dump >/dev/null && command -v psql >/dev/null || fail no-pg_dump 78
data=$HL_STAGING/$HL_PLAN work=$HL_STAGING/$HL_PLAN.work
mkdir -p "$HL_STAGING" && chmod 711 "$HL_STAGING" || fail disk 77
rm -rf "$data" "$work"
mkdir "$data" "$work" || fail disk 77
group=$(id -g "$HL_USER") || fail no-user 78
[ "$(id -un)" = "$HL_USER" ] || chown "$HL_USER:$group" "$data" "$work" || fail disk 77
export HL_WORK="$work" PGAPPNAME=homelab PGCONNECT_TIMEOUT=20
# In a process of its own only: it becomes the command, so that a signal to it reaches that.
become() {
  unset $HL_SECRETS x
  cd / || exit 1
  [ "$(id -un)" != "$HL_USER" ] || exec "$@"
  exec setpriv --reuid "$HL_USER" --regid "$group" --init-groups "$@"
}
pg() ( become "$@" )
ask_databases() {
  PGDATABASE=postgres pg psql -qAtX -c \
    'SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname'
}
pg test -w "$data" || fail staging 78
cat >"$work/dump.sh" <<'END'
pg_dump -Fd -Z0 -j "$HL_JOBS" --snapshot "$HL_SNAPSHOT" -f "$HL_OUT" &
echo $! >"$HL_WORK/dump.pid"
wait $!
echo $? >"$HL_WORK/dump.rc"
rm -f "$HL_WORK/dump.pid"
END
cat >"$work/dump.sql" <<'END'
\set ON_ERROR_STOP on
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET row_security = off;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_catalog.pg_export_snapshot() AS hl_snapshot \gset
\setenv HL_SNAPSHOT :hl_snapshot
\! exec sh "$HL_WORK/dump.sh"
\set hl_rc @<cat "$HL_WORK/dump.rc"@>
SELECT :'hl_rc' <> '0' AS hl_failed \gset
\if :hl_failed
\quit
\endif
`,
  tablesSql,
  sh`COMMIT;
END
[ "$(id -un)" = "$HL_USER" ] || chown "$HL_USER:$group" "$work/dump.sh" "$work/dump.sql"
databases >databases 2>>err || fail postgres 65
[ -s databases ] || fail no-databases 65
step dump
key=
if pg_dumpall --help | grep -q restrict-key; then key=--restrict-key=homelab; fi
PGDATABASE=postgres run TERM become pg_dumpall --globals-only $key -f "$data/globals.sql" 2>>err
code=$?
check
[ "$code" = 0 ] || fail globals 65
number=0
: >tables
while IFS= read -r database; do
  number=$((number + 1))
  folder=$database
  case $database in *[!A-Za-z0-9_-]* | -*) folder=database-$number ;; esac
  export PGDATABASE="$database" HL_OUT="$data/$folder"
  rm -f "$work/dump.rc"
  run TERM become psql -qAtX -f "$work/dump.sql" >>tables 2>>err
  code=$?
  check
  [ "$code" = 0 ] && [ "$(cat "$work/dump.rc" 2>/dev/null)" = 0 ] || { say database ",\"index\":$number"; fail dump 65; }
  printf '{"folder":"%s"}\n' "$folder" >>tables
done <databases
unset PGDATABASE HL_OUT
step read
for folder in "$data"/*/; do
  run TERM pg_restore -f /dev/null "$folder" 2>>err
  code=$?
  check
  [ "$code" = 0 ] || fail unreadable 66
done
files=$(find "$data" -type f | wc -l)
step save
save -- "$data"
[ "$(of total_files_processed)" = "$((files))" ] || fail mismatch 67
rm -rf "$data"
`,
].join('')

const proving = sh`
step prove
id=$(of snapshot_id) files=$(of total_files_processed) bytes=$(of total_bytes_processed)
[ -n "$id" ] && [ -n "$bytes" ] && [ "$files" -gt 0 ] || fail no-snapshot 67
rows=
[ ! -f tables ] || rows=$(sed -n 's/.*"rows" : \([0-9]*\).*/\1/p' tables | awk '{ n += $1 } END { printf "%.0f", n }')
mkdir -p proof && {
  printf '{"plan":"%s","run":"%s","of":"%s","files":%s,"bytes":%s,"at":"%s"}\n' "$HL_PLAN" "$HL_RUN" "$id" "$files" "$bytes" "$(at)"
  [ ! -f tables ] || cat tables
} >proof/manifest.jsonl || fail disk 77
cd proof || fail disk 77
run INT "$HL_RESTIC" backup --json --host "$HL_HOST" $HL_RETRY \
  --tag "proof,plan=$HL_PLAN,run=$HL_RUN,of=$id,files=$files,bytes=$bytes@{rows:+,rows=$rows}" manifest.jsonl >>../proof.jsonl 2>>../err
code=$?
cd "$HL_DIR" || exit 1
say exit ",\"program\":\"restic\",\"code\":$code"
check
[ "$code" = 0 ] || fail proof 69
step done
exit 0
`
