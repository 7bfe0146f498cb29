/**
 * Runs inside the container of Prometheus. A file is there whole or not at all, and one that Prometheus does not take goes away
 * again. Exit codes: 81 the folder is not read, 82 the rules are wrong, 83 not loaded and undone, 84 nobody can tell Prometheus, 85 the file
 * is somebody else's.
 */

/** Prometheus by whatever there is to ask it with. Without a login, as nothing here has one. */
const asking = `
get() {
  if command -v curl >/dev/null; then curl -fsS -m 20 "$url$1" 2>/dev/null
  elif command -v wget >/dev/null; then wget -q -T 20 -O - "$url$1" 2>/dev/null
  else return 1; fi
}
post() {
  if command -v curl >/dev/null; then curl -fsS -m 60 -o /dev/null -X POST "$url$1" 2>/dev/null
  elif command -v wget >/dev/null; then wget -q -T 60 -O /dev/null --post-data= "$url$1" 2>/dev/null
  else return 1; fi
}
metric() { get /metrics | sed -n "s/^$1 //p"; }
loaded=prometheus_config_last_reload_successful
when=prometheus_config_last_reload_success_timestamp_seconds
`

/** 0: loaded, and seen to be; 1: not loaded; 2: told, but it cannot be seen; 3: nobody can tell it. */
const reloading = `
reload() {
  # An answer means that it is done.
  post /-/reload && return 0
  before=$(metric $when)
  said=$(systemctl reload prometheus 2>&1) || return 3
  [ -n "$before" ] || return 2
  for _ in $(seq 150); do
    [ "$(metric $loaded)" != 0 ] || return 1
    [ "$(metric $when)" = "$before" ] || return 0
    sleep 0.2
  done
  return 1
}
`

const put = `
set -u
kind=$1 folder=$2 file=$2/$3.yml new=$2/.$3.yml.new old=$2/.$3.yml.old url=$4
umask 022
${asking}${reloading}
config=$(get /api/v1/status/config) || config=
case $config in ''|*"$folder/"*) ;; *) exit 81 ;; esac
# A person's own is not written over.
if [ -e "$file" ] && ! head -n 2 "$file" | grep -q 'Made by homelab for'; then exit 85; fi
mkdir -p "$folder" && cat >"$new" || exit 1
if [ "$kind" = rules ] && command -v promtool >/dev/null; then
  said=$(promtool check rules "$new" 2>&1) || { rm -f "$new"; printf '%s\\n' "$said" >&2; exit 82; }
fi
if cmp -s "$new" "$file"; then rm -f "$new"; else
  rm -f "$old"
  [ ! -e "$file" ] || cp -p "$file" "$old" || exit 1
  mv -f "$new" "$file" || exit 1
  echo changed
fi
# It sees such a file by itself. When the last one goes a moment before a reload, it asks its targets for ever: one stays.
if [ "$kind" = targets ]; then
  none=$folder/.homelab.yml
  [ -e "$none" ] || { echo '[{ targets: [] }]' >"$none.new" && mv -f "$none.new" "$none"; } || exit 1
  rm -f "$old"
  [ -z "$config" ] || echo verified
  exit 0
fi
said=
reload
case $? in
  0) rm -f "$old"; echo verified; exit 0 ;;
  2) rm -f "$old"; exit 0 ;;
  1) code=83 ;;
  *) code=84 ;;
esac
if [ -e "$old" ]; then mv -f "$old" "$file"; else rm -f "$file"; fi
reload
printf '%s\\n' "$said" >&2
exit $code
`

/** A rule that is gone from the folder is forgotten at the next reload, and nobody has to undo that. */
const remove = `
set -u
targets=$1/$3.yml rules=$2/$3.yml url=$4
# A person's own stays.
ours() { [ ! -e "$1" ] || head -n 2 "$1" | grep -q 'Made by homelab for'; }
ours "$targets" || targets=/nonexistent/targets
ours "$rules" || rules=/nonexistent/rules
[ -z "$1" ] || rm -f "$targets" "$1/.$3.yml.new" "$1/.$3.yml.old" || exit 1
if [ -z "$2" ]; then echo verified; exit 0; fi
${asking}${reloading}
rm -f "$2/.$3.yml.new" "$2/.$3.yml.old"
[ ! -e "$rules" ] || echo changed
# Also when it is gone already: it may have been taken away a moment before a crash.
rm -f "$rules" || exit 1
said=
reload
case $? in
  0) echo verified; exit 0 ;;
  2) exit 0 ;;
  # One that does not run reads what is there when it starts.
  3) ! command -v systemctl >/dev/null || systemctl is-active --quiet prometheus || exit 0 ;;
esac
printf '%s\\n' "$said" >&2
exit 84
`

export const putScript = ['sh', '-c', put, 'homelab'] as const
export const removeScript = ['sh', '-c', remove, 'homelab'] as const
