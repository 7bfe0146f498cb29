import { sh } from './shell.ts'

/**
 * Debian's psql, pg_dump and pg_restore are one Perl script that looks for those of a cluster: 70 ms each time, six times a
 * dump. Where there is one version and nothing to choose, its own are called.
 */
export const directPostgres = sh`
direct() {
  for x in psql pg_dump pg_restore; do
    # Somebody's own must not be passed by.
    set -- "$(command -v $x)"
    [ -L "$1" ] || return 0
    case $(readlink -f "$1") in */pg_wrapper) ;; *) return 0 ;; esac
  done
  set -- /usr/lib/postgresql/*/bin/pg_dump
  [ $# -eq 1 ] && [ -x "$1" ] && [ -x "@{1%/*}/psql" ] || return 0
  [ -n "@{PGPORT-}" ] || [ -S /var/run/postgresql/.s.PGSQL.5432 ] || return 0
  ! grep -qs '^[^#]' /etc/postgresql-common/user_clusters || return 0
  PATH=@{1%/*}:$PATH
}
direct
`
