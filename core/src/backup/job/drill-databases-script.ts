/** The script of a drill of databases: restored into some of their own, and counted. */
import { HomelabError } from '../../errors.ts'
import { quoteWord } from '../../shell/quote.ts'
import { common, type Drilled, evidence } from './drill-script.ts'
import { tablesSql } from './dump-script.ts'
import { type PostgresSource, postgresSetup } from './postgres-script.ts'
import { assign, jobText, sh, words } from './shell.ts'
import type { JobBase } from './types.ts'

export interface DatabasesDrill extends Drilled {
  readonly postgres: PostgresSource
  readonly path: string
  /** Of what was streamed: the proof, which has the roles. */
  readonly proof?: string
  readonly databases: readonly {
    readonly folder: string
    /** `15.4` */
    readonly version: string
    readonly extensions: readonly string[]
    /** Of its tables, as they stand in the manifest. */
    readonly lines: readonly string[]
    readonly database: string
  }[]
  readonly originals?: readonly {
    readonly database: string
    /** Gives one path a row. */
    readonly query: string
    /** How the paths begin in the database, and how in the snapshot. */
    readonly from: string
    readonly to: string
    readonly snapshot: string
    /** It was begun after the dump: nothing may be missing in it. */
    readonly later: boolean
    /** Variables of its repository, and what they begin with here. */
    readonly names: readonly string[]
    readonly prefix: string
  }[]
}

/** Rows of a database whose files are looked for: by chance, because all of them are a million. */
export const originalsSampled = 1_000

/** @throws HomelabError `config` when `originals` names a database that was not dumped */
export const databasesDrillText = (base: JobBase, drill: DatabasesDrill): string => {
  const dumped = drill.databases.map(({ database }) => database)
  const unknown = (drill.originals ?? []).find(({ database }) => !dumped.includes(database))
  // Its query would be asked nowhere, and the drill would pass.
  if (unknown !== undefined)
    throw new HomelabError(
      'config',
      `Under \`originals\` the plan names the database ${unknown.database}, which is not in the dump.`,
      { hint: `These are: ${dumped.join(', ')}.` },
    )
  const databases = drill.databases.flatMap(({ database, folder, version, extensions, lines }, index) => [
    `printf '%s\\n' ${words([...lines])} >expected-${index}`,
    `printf '%s\\n' ${words([...extensions])} >extensions-${index}`,
    `database ${index} ${quoteWord(folder)} ${quoteWord(version.split('.')[0] ?? '')}`,
    ...(drill.originals ?? []).flatMap((one, at) =>
      one.database === database ? originalsText(one, at) : [],
    ),
    'dropped',
  ])
  return jobText(
    base,
    [
      ...common(drill),
      assign('HL_PATH', drill.path),
      assign('HL_PROOF', drill.proof ?? ''),
      `cat >count.sql <<'END'\n${countSql}END`,
      postgresSetup(drill.postgres, `homelab-drill-${base.run}`),
      databasesBody,
      ...databases,
      evidence,
    ].join('\n'),
  )
}

type Original = NonNullable<DatabasesDrill['originals']>[number]

const originalsText = (
  { query, from, to, snapshot, later, names, prefix }: Original,
  at: number,
): string[] => [
  `cat >"$work/originals.sql" <<'HL_END'`,
  'BEGIN READ ONLY;',
  `SELECT path FROM (${query.replaceAll(/\s+/g, ' ')}) AS q(path) WHERE path IS NOT NULL ORDER BY random() LIMIT ${originalsSampled};`,
  'HL_END',
  'listed() {',
  'unset $HL_SECRETS_LIVE x',
  ...names.map((name) => `export ${name}="$${prefix}${name}"`),
  `exec "$HL_RESTIC" ls --no-lock ${quoteWord(snapshot)}`,
  '}',
  `originals ${at} ${quoteWord(from)} ${quoteWord(to)} ${later ? 1 : quoteWord('')}`,
]

const countSql = sh`
\set ON_ERROR_STOP on
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET row_security = off;
`.concat(tablesSql.trimStart())

const databasesBody = sh`
scratch=
tidy() {
  untick
  rm -rf cache
  if [ -n "$scratch" ]; then drop "$scratch"; fi
}
find "$HL_STAGING" -mindepth 1 -maxdepth 1 -name 'homelab-drill-*' -mtime +0 -exec rm -rf {} + 2>/dev/null
ask -c "SELECT datname FROM pg_catalog.pg_database WHERE datname ~ '^homelab_drill_[a-z0-9_]+$'
  AND (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification < now() - interval '1 day'" >old 2>>err || fail postgres 65
while IFS= read -r name; do drop "$name"; done <old
cp count.sql "$work/count.sql" && chmod 644 "$work/count.sql" && own "$work" || fail disk 77
pulled() {
  run INT pull "$HL_PROOF" globals.sql >"$data/globals.sql" 2>>err
  code=$?
}
pull() { recovered dump --cache-dir "$HL_DIR/cache" --no-lock "$1" "/@{2##*/}"; }
step fetch
if [ -n "$HL_PROOF" ]; then
  # What had no room to be dumped into has none to be fetched into: it is read from the repository as it is restored.
  dump=$data
  twice pulled
  check
  [ "$code" = 0 ] || fail restic 69
else
  room "$data" "$HL_BYTES"
  tick "$HL_BYTES" sh -c 'du -sk "$1" | awk "{ printf \"%.0f\", \$1 * 1024 }"' homelab "$data"
  fetch --target "$data"
  dump=$data$HL_PATH
  [ -d "$dump" ] && [ "$(weigh "$dump")" = "$HL_FILES $HL_BYTES" ] || fail incomplete 67
fi
own "$data"
step globals
tail -n 20 "$dump/globals.sql" | grep -q 'PostgreSQL database cluster dump complete' || fail globals 66
missing=$(roles "$dump/globals.sql" 1) || fail globals 66
say roles ",\"missing\":$missing"
bare=
# Somebody else's roles are not made for a trial: without them there are no owners.
[ "$missing" = 0 ] || bare='--no-owner --no-acl'
# put INDEX FOLDER: into a database of its own; broken is what it could not do.
put() {
  [ -z "$scratch" ] || dropped
  scratch=homelab_drill_@{HL_RUN}_$1 broken=make
  make "$scratch" "$dump/$2" "$bare" || { code=1; return; }
  check
  broken=restore
  unpack "$dump/$2" --exit-on-error $bare -d "$scratch" 2>>err
  code=$?
}
# database INDEX FOLDER MAJOR
database() {
  if [ -d "$dump/$2" ]; then
    step read
    unpack "$dump/$2" -f /dev/null 2>>err
    code=$?
    check
    [ "$code" = 0 ] || fail unreadable 66
  fi
  step restore
  major=$(ask -c 'SHOW server_version_num' 2>>err) || fail postgres 65
  [ "$((major / 10000))" = "$3" ] || { say version ",\"server\":$((major / 10000)),\"dump\":$3"; fail version 66; }
  twice put "$1" "$2"
  check
  [ "$code" = 0 ] || fail "$broken" 66
  step count
  run TERM become psql -qAtX -d "$scratch" -f "$work/count.sql" >counted 2>>err
  code=$?
  check
  [ "$code" = 0 ] || fail count 66
  pg psql -qAtX -d "$scratch" -c 'SELECT extname FROM pg_catalog.pg_extension' 2>>err | LC_ALL=C sort >installed
  LC_ALL=C sort "extensions-$1" | grep . | cmp -s - installed || { say extensions ",\"dumped\":$(wc -l <"extensions-$1"),\"restored\":$(wc -l <installed)"; fail extensions 66; }
  grep '^{"table" : ' counted | LC_ALL=C sort >found
  grep . "expected-$1" | LC_ALL=C sort >expected
  if ! cmp -s expected found; then
    LC_ALL=C comm -23 expected found | head -n 3 | while IFS= read -r line; do say difference ",\"dumped\":$line"; done
    LC_ALL=C comm -13 expected found | head -n 3 | while IFS= read -r line; do say difference ",\"restored\":$line"; done
    fail rows 66
  fi
  tables=$((tables + $(wc -l <found)))
  rows=$((rows + $(sed -n 's/.*"rows" : \([0-9]*\).*/\1/p' found | awk '{ n += $1 } END { printf "%.0f", n }')))
  say database ",\"index\":$1,\"tables\":$(wc -l <found)"
}
dropped() {
  drop "$scratch" || fail drop 77
  scratch=
}
# originals INDEX FROM TO LATER: paths that the restored database knows, looked for in the snapshot of another plan.
originals() {
  step originals
  own "$work/originals.sql"
  run TERM become psql -qAtX -v ON_ERROR_STOP=1 -d "$scratch" -f "$work/originals.sql" >known 2>>err
  code=$?
  check
  [ "$code" = 0 ] || fail originals-query 66
  run INT listed >listing 2>>err
  code=$?
  check
  [ "$code" = 0 ] || fail originals-list 69
  awk -v "from=$2" -v "to=$3" 'NR == FNR { if (index($0, from) == 1) $0 = to substr($0, length(from) + 1); wanted[$0]; next }
    $0 in wanted { delete wanted[$0] } END { for (path in wanted) print path }' known listing >unfound || fail disk 77
  asked=$(wc -l <known) lost=$(wc -l <unfound)
  say originals ",\"index\":$1,\"checked\":$((asked)),\"missing\":$((lost))"
  rm -f listing
  [ -z "$4" ] || [ "$lost" = 0 ] || fail originals 67
}
`
