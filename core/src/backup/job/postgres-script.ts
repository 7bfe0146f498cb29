/**
 * Shell for putting a dump back: as the database's user, without the secrets of the repository, and into a database whose
 * name was made for it. The statements of the dump's roles and of its database are picked out line by line, because
 * `pg_restore --create` knows no other name than the live one.
 */
import { quoteWord } from '../../shell/quote.ts'
import { directPostgres } from './postgres-path.ts'
import { assign, sh } from './shell.ts'
import type { JobSource } from './types.ts'

export type PostgresSource = Extract<JobSource, { readonly kind: 'postgres' }>

/** What the shell below needs to be told; `data` and `work` are its folders. */
export const postgresSetup = ({ user, host, port, jobs, staging }: PostgresSource, folder: string): string =>
  [
    assign('HL_USER', user),
    assign('HL_STAGING', staging),
    assign('HL_JOBS', jobs),
    ...(host === undefined ? [] : [`export PGHOST=${quoteWord(host)}`]),
    ...(port === undefined ? [] : [`export PGPORT=${port}`]),
    assign('HL_FOLDER', folder),
    directPostgres,
    postgresBody,
  ].join('\n')

const postgresBody = sh`
step look
command -v pg_restore >/dev/null && command -v psql >/dev/null || fail no-pg_restore 78
group=$(id -g "$HL_USER") || fail no-user 78
me=$(id -un)
own() { [ "$me" = "$HL_USER" ] || chown -R "$HL_USER:$group" "$@"; }
[ -d "$HL_STAGING" ] || mkdir -p -m 711 "$HL_STAGING" || fail disk 77
mkdir "$HL_STAGING/$HL_FOLDER" "$HL_STAGING/$HL_FOLDER.work" || fail disk 77
data=$HL_STAGING/$HL_FOLDER work=$HL_STAGING/$HL_FOLDER.work
own "$data" "$work" || fail disk 77
export HL_WORK="$work" PGAPPNAME=homelab PGCONNECT_TIMEOUT=20
# In a process of its own only: it becomes the command, so that a signal to it reaches that.
become() {
  unset $HL_SECRETS x
  cd "$HL_WORK" || exit 1
  [ "$me" != "$HL_USER" ] || exec "$@"
  exec setpriv --reuid "$HL_USER" --regid "$group" --init-groups "$@"
}
pg() ( become "$@" )
ask() { pg psql -qAtX -v ON_ERROR_STOP=1 -d postgres "$@"; }
drop() { printf 'DROP DATABASE IF EXISTS :"name" WITH (FORCE);\n' | ask -v "name=$1" >/dev/null 2>>err; }
cat >"$work/roles.awk" <<'END'
/^CREATE ROLE / { role[++n] = substr($0, 13, length($0) - 13); next }
/^ALTER ROLE / || /^GRANT / { line[++m] = $0 }
END {
  print "\\set ON_ERROR_STOP on"
  # Their passwords are no business of the server's log.
  print "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';"
  for (i = 1; i <= n; i++)
    printf "SELECT pg_catalog.to_regrole($hl$%s$hl$) IS NULL AS hl_%d \\gset\n", role[i], i
  if (trial) print "BEGIN;"
  for (i = 1; i <= n; i++)
    printf "\\if :hl_%d\nCREATE ROLE %s;\nSELECT 'new';\n\\endif\n", i, role[i]
  for (j = 1; j <= m; j++) {
    who = 0
    for (i = 1; i <= n; i++) {
      r = role[i]
      if (index(line[j], "ALTER ROLE " r " ") == 1 && index(line[j], "ALTER ROLE " r " IN DATABASE ") != 1) who = i
      if (index(line[j], "GRANT ") == 1 && (index(line[j], " TO " r " ") || index(line[j], " TO " r ";"))) who = i
    }
    if (who) printf "\\if :hl_%d\n%s\n\\endif\n", who, line[j]
  }
  if (trial) print "ROLLBACK;"
}
END
cat >"$work/database.awk" <<'END'
/^CREATE DATABASE .* WITH TEMPLATE = / && was == "" {
  was = substr($0, 17)
  sub(/ WITH TEMPLATE = .*/, "", was)
  print "CREATE DATABASE \"" name "\"" substr($0, 17 + length(was))
  next
}
was != "" {
  own = index($0, "ALTER DATABASE " was " OWNER TO ") == 1
  set = index($0, "ALTER DATABASE " was " SET ") == 1
  right = index($0, "GRANT ") == 1 || index($0, "REVOKE ") == 1
  at = index($0, " DATABASE " was " ")
  if (at && (set || ((own || right) && !bare)))
    print substr($0, 1, at + 9) "\"" name "\"" substr($0, at + 10 + length(was))
}
END
# roles GLOBALS [TRIAL]: those that are missing are made, those that are there stay as they are; prints how many.
roles() {
  awk -v "trial=@{2:-}" -f "$work/roles.awk" "$1" >"$work/roles.sql" || return 1
  own "$work/roles.sql" && ask -f "$work/roles.sql" >"$work/roles.new" 2>>err || return 1
  grep -c new "$work/roles.new" || :
}
# pull SNAPSHOT FILE: to the output, in a process of its own only. Without a lock, which it would leave when nobody reads on.
pull() { exec "$HL_RESTIC" dump --no-lock "$1" "/@{2##*/}"; }
# unpack DUMP ARGS…: pg_restore on a folder, or on what the repository has as one file, as it comes.
unpack() {
  archive=$1
  shift
  if [ -d "$archive" ]; then run TERM become pg_restore -j "$HL_JOBS" "$@" "$archive"; return; fi
  rm -f "$work/pipe"
  mkfifo "$work/pipe" && own "$work/pipe" || return 1
  pull "$HL_SNAPSHOT" "$archive" >"$work/pipe" 2>>err &
  beside=$!
  run TERM become pg_restore -Fc "$@" "$work/pipe"
  code=$?
  # One that could not begin, or wants no more, leaves the other end waiting.
  if [ "$code" != 0 ] || [ -n "$enough" ]; then quit; return "$code"; fi
  child=$beside asked=INT beside=
  awaited
  code=$?
  say exit ",\"program\":\"restic\",\"code\":$code"
  return "$code"
}
enough=
# make NAME DUMP [BARE]: an empty database like the dumped one.
make() {
  enough=1
  unpack "$2" --create --schema-only -f "$work/schema.sql" 2>>err
  code=$?
  enough=
  [ "$code" = 0 ] || return 1
  awk -v "name=$1" -v "bare=@{3:-}" -f "$work/database.awk" "$work/schema.sql" >"$work/database.sql"
  grep -q '^CREATE DATABASE ' "$work/database.sql" || return 1
  own "$work/database.sql" && ask -f "$work/database.sql" >/dev/null 2>>err
}
grown() { printf "SELECT pg_catalog.pg_database_size(:'name');\n" | ask -v "name=$1"; }
`

/** Shell that every job of this kind has: what is done in the end, whatever happens; `tidy` comes from the job. */
export const tidying = sh`
tidied() {
  ended=$?
  trap '' INT TERM HUP
  tidy
  (exit "$ended")
  finish
}
trap tidied EXIT
ticker=
# tick TOTAL COMMAND…: says now and then how far something is that does not say it itself.
tick() {
  total=$1
  shift
  (
    trap - EXIT INT TERM HUP
    while sleep 2 && kill -0 $$ 2>/dev/null; do
      size=$("$@" 2>/dev/null) && [ -n "$size" ] && say progress ",\"done\":$size,\"total\":$total"
    done
  ) 7>&- 9>&- </dev/null >/dev/null 2>&1 &
  ticker=$!
}
# One that has just been forked loses any other signal, and would be waited for for ever.
untick() { [ -z "$ticker" ] || { kill -KILL "$ticker" 2>/dev/null; wait "$ticker" 2>/dev/null; ticker=; }; }
# weigh FOLDER: its files and their bytes.
weigh() { find "$1" -type f -exec stat -c %s {} + | awk '{ n++; s += $1 } END { printf "%d %.0f\n", n, s }'; }
# room FOLDER BYTES
room() { [ "$(df -Pk "$1" | awk 'NR == 2 { print $4 }')" -ge "$(($2 / 1024))" ] || fail no-room 77; }
`
