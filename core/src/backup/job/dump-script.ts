/**
 * Shell that dumps PostgreSQL: into folders that restic then saves, or, where there is no room for them, through a pipe
 * into a restic that is not told the end of it before everything about the dump is known to be right.
 */
import { quoteWord } from '../../shell/quote.ts'
import { directPostgres } from './postgres-path.ts'
import { assign, sh, words } from './shell.ts'
import type { JobSource } from './types.ts'

/** The ending of a dump that was streamed; a folder of ours has no dot. */
export const streamedEnding = '.dump'

export function dumpText(source: Extract<JobSource, { readonly kind: 'postgres' }>): string {
  const { databases, user, host, port, jobs, staging, stream } = source
  const list = databases === undefined ? 'ask_databases' : `printf '%s\\n' ${words(databases)}`
  return [
    assign('HL_USER', user),
    assign('HL_STAGING', staging),
    assign('HL_JOBS', jobs),
    assign('HL_STREAM', stream === undefined ? '' : String(stream)),
    'export HL_JOBS',
    ...(host === undefined ? [] : [`export PGHOST=${quoteWord(host)}`]),
    ...(port === undefined ? [] : [`export PGPORT=${port}`]),
    `databases() { ${list}; }`,
    // printf is the shell's own; a program for each of these would cost more than it writes.
    `scripts() { ${[
      ['dump.sh', dumpSh],
      ['stream.sh', streamSh],
      ['dump.sql', dumpSql],
    ]
      .map(([name = '', text = '']) => `printf %s ${quoteWord(text)} >"$work/${name}"`)
      .join(' && ')}; }`,
    directPostgres,
    dumping,
  ].join('\n')
}

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

/** Both leave their own process's number behind, so that a cancel reaches `pg_dump` through psql. */
const dumpSh = sh`
pg_dump -Fd -Z0 -j "$HL_JOBS" --snapshot "$HL_SNAPSHOT" -f "$HL_OUT" &
echo $! >"$HL_WORK/dump.pid"
wait $!
echo $? >"$HL_WORK/dump.rc"
rm -f "$HL_WORK/dump.pid"
`
const streamSh = sh`
{
  pg_dump -Fc -Z0 --snapshot "$HL_SNAPSHOT" &
  echo $! >"$HL_WORK/dump.pid"
  wait $!
  echo $? >"$HL_WORK/dump.rc"
  rm -f "$HL_WORK/dump.pid"
} | tee "$HL_WORK/read" "$HL_WORK/count" >&8
echo $? >"$HL_WORK/tee.rc"
`
/**
 * `psql` holds the transaction whose snapshot `pg_dump` is given, so that the manifest counts exactly what was dumped.
 * Both run as the database's user, without the secrets of the repository.
 */
const dumpSql = [
  sh`
\set ON_ERROR_STOP on
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET row_security = off;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_catalog.pg_export_snapshot() AS hl_snapshot \gset
\setenv HL_SNAPSHOT :hl_snapshot
\! exec sh "$HL_WORK/$HL_HOW.sh"
\set hl_rc @<cat "$HL_WORK/dump.rc"@>
SELECT :'hl_rc' <> '0' AS hl_failed \gset
\if :hl_failed
\quit
\endif
`,
  tablesSql,
  'COMMIT;\n',
].join('')

/** What needs no program is done while the roles are dumped and the databases weighed: each of these takes its time to connect. */
const dumping = [
  sh`
step look
command -v pg_dump >/dev/null && command -v psql >/dev/null || fail no-pg_dump 78
folder=$HL_STAGING/$HL_PLAN
[ -d "$HL_STAGING" ] || mkdir -p -m 711 "$HL_STAGING" || fail disk 77
# What one before has left goes. A folder that only happens to be called like the plan is somebody's, a live database perhaps.
if [ -f "$folder.work/.homelab" ]; then rm -rf "$folder" "$folder.work"; fi
[ ! -d "$folder.work" ] || rmdir "$folder.work" 2>/dev/null
[ ! -e "$folder" ] && [ ! -e "$folder.work" ] || fail foreign 78
mkdir "$folder.work" && work=$folder.work && : >"$work/.homelab" && mkdir "$folder" && data=$folder || fail disk 77
user=$(id "$HL_USER") || fail no-user 78
user=@{user#uid=} group=@{user#*gid=}
user=@{user%%[!0-9]*} group=@{group%%[!0-9]*}
# Real, effective, …: what id -u says, without a program.
while read -r key _ me _; do [ "$key" != Uid: ] || break; done <"/proc/$$/status"
own() { [ "$me" = "$user" ] || chown "$HL_USER:$group" "$@"; }
own "$data" "$work" || fail disk 77
export HL_WORK="$work" PGAPPNAME=homelab PGCONNECT_TIMEOUT=20
# In a process of its own only: it becomes the command, so that a signal to it reaches that.
become() {
  unset $HL_SECRETS x
  cd / || exit 1
  [ "$me" != "$user" ] || exec "$@"
  exec setpriv --reuid "$HL_USER" --regid "$group" --init-groups "$@"
}
pg() ( become "$@" )
# Not what a drill has there for a moment.
ask_databases() {
  PGDATABASE=postgres pg psql -qAtX -c \
    'SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate
      AND datname !~ $$^homelab_drill_$$ ORDER BY datname'
}
databases >databases 2>>err || fail postgres 65
[ -s databases ] || fail no-databases 65
# Of the tables as they are on the disk, which is about what a dump of them has; their indexes are not in it.
weight() {
  while IFS= read -r one; do
    PGDATABASE=$one pg psql -qAtX -c "SELECT coalesce(sum(pg_catalog.pg_table_size(c.oid)), 0) FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_'" </dev/null || return 1
  done <databases | awk '{ n += $1 } END { printf "%.0f\n", n / 1024 }'
}
export HL_HOW=dump
weighing=
[ "$HL_STREAM" != true ] || HL_HOW=stream
if [ -z "$HL_STREAM" ]; then
  # A table that somebody has locked keeps it waiting, and must not keep the lock with it.
  weight >needed 2>>err 7>&- 9>&- &
  weighing=$!
  df -Pk "$HL_STAGING" >room 2>>err 7>&- 9>&- &
  measuring=$!
fi
step dump
asked=TERM
PGDATABASE=postgres become pg_dumpall --globals-only -f "$data/globals.sql" 2>>err &
child=$!
{ scripts && own "$work/dump.sh" "$work/stream.sh" "$work/dump.sql"; } 2>>err
written=$?
awaited
code=$?
check
[ "$code" = 0 ] || { pg test -w "$data" || fail staging 78; fail globals 65; }
[ "$written" = 0 ] || fail disk 77
if [ -n "$weighing" ]; then
  child=$weighing
  awaited
  wait "$measuring"
  check
  # A database that cannot be weighed counts nothing, and is named when it cannot be dumped either.
  needed= room=
  { read -r needed <needed && read -r x && read -r x x x room x; } <room || fail disk 77
  [ "$needed" -le "$room" ] || HL_HOW=stream
fi
[ "$HL_HOW" = dump ] || [ "$(wc -l <databases)" = 1 ] || {
  [ "$HL_STREAM" = true ] && fail stream-one 78
  fail no-room 77
}
# Newer ones write a key of that moment, which would be new bytes each day.
sed -i 's/^\([\\]\(un\)\{0,1\}restrict\) .*/\1 homelab/' "$data/globals.sql" 2>>err || fail disk 77
number=0
: >tables
# dumped: the database is dumped the way that is chosen, and its tables are counted in the same moment of it.
dumped() {
  number=$((number + 1))
  [ "$number" = 1 ] || rm -f "$work/dump.rc" "$work/tee.rc"
  run TERM become psql -qAtX -f "$work/dump.sql" >>tables 2>>err
  code=$?
  check
  [ "$code" = 0 ] && wrote 0 "$work/dump.rc"
}
# wrote CODE FILE: it holds that, which nobody wrote where the program was killed.
wrote() {
  said=
  [ -f "$2" ] && read -r said <"$2" && [ "$said" = "$1" ]
}
# steady FOLDER: the time of the dump stands in its table of contents, which would be new bytes each day. It becomes that of
# the year 2000, where the header is one that is known; the dump is read to its end after that.
steady() {
  toc=$1/toc.dat
  set -- $(od -An -tu1 -N9 "$toc" 2>>err)
  [ $# = 9 ] || return 0
  [ "$1 $2 $3 $4 $5 $6 $9" = '80 71 68 77 80 1 4' ] || return 0
  case $7 in 14) at=16 ;; 15 | 16) at=12 ;; *) return 0 ;; esac
  printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\144\0\0\0\0\0\0\0\0' |
    dd "of=$toc" bs=1 "seek=$at" conv=notrunc 2>/dev/null
}
staged() {
  while IFS= read -r database; do
    folder=$database
    case $database in *[!A-Za-z0-9_-]* | -*) folder=database-$((number + 1)) ;; esac
    export PGDATABASE="$database" HL_OUT="$data/$folder"
    dumped || { say database ",\"index\":$number"; fail dump 65; }
    steady "$HL_OUT" || fail disk 77
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
  # The roles, and what pg_dump wrote: it makes no folders in its own.
  set -- "$data"/*/*
  files=$(($# + 1))
  step save
  save -- "$data"
  of total_files_processed
  [ "$value" = "$files" ] || fail mismatch 67
}
# The shell holds the other end of restic's input, so that whatever dies, restic does not take it for the end of the dump.
streamed() {
  mkfifo "$work/in" "$work/read" "$work/count" && own "$work/read" "$work/count" || fail disk 77
  IFS= read -r database <databases
  step stream
  patience
  word=out.jsonl
  "$HL_RESTIC" backup --json $HL_RETRY --host "$HL_HOST" --tag "plan=$HL_PLAN,run=$HL_RUN" \
    --stdin --stdin-filename "$HL_PLAN.dump" <"$work/in" >>out.jsonl 2>>err &
  beside=$!
  exec 8>"$work/in"
  # Their ends are opened before they begin, so that tee finds them there even when they fail at once.
  pg_restore -Fc -f /dev/null <"$work/read" 2>>err 7>&- 8>&- 9>&- &
  reader=$!
  wc -c <"$work/count" >counted 7>&- 8>&- 9>&- &
  counter=$!
  readers="$reader $counter"
  good=
  export PGDATABASE="$database"
  if dumped; then
    if wrote 0 "$work/tee.rc" && wait "$reader" && wait "$counter"; then good=1 readers=; else good=unreadable; fi
  fi
  unset PGDATABASE
  check
  if [ "$good" != 1 ]; then
    hush
    quit
    code=$?
    say exit ",\"program\":\"restic\",\"code\":$code"
    # It has ended by itself, and what was written to it with it.
    [ "$code" = 130 ] || fail restic 69
    [ -z "$good" ] || fail unreadable 66
    say database ",\"index\":$number"
    fail dump 65
  fi
  printf '{"folder":"%s.dump"}\n' "$HL_PLAN" >>tables
  step save
  child=$beside asked=INT beside=
  exec 8>&-
  awaited
  code=$?
  say exit ",\"program\":\"restic\",\"code\":$code"
  check
  [ "$code" = 0 ] || fail restic 69
  sum_up
  of total_bytes_processed
  [ "$value" = "$(($(cat counted)))" ] || fail mismatch 67
  mv "$data/globals.sql" globals.sql || fail disk 77
}
if [ "$HL_HOW" = dump ]; then staged; else streamed; fi
# Of the room that it takes what comes next may need some; nobody waits for it.
rm -rf "$data" "$work" 7>&- 9>&- &
`,
].join('')
