/** The script of a drill of files: some of them, compared with the live ones. */
import { quoteWord } from '../../shell/quote.ts'
import { common, type Drilled, evidence } from './drill-script.ts'
import { literal } from './restore-script.ts'
import { assign, jobText, sh, words } from './shell.ts'
import type { JobBase } from './types.ts'

export interface FilesDrill extends Drilled {
  readonly sample: readonly {
    readonly path: string
    readonly size: number
    readonly uid: number
    readonly gid: number
    /** `644` */
    readonly rights: string
  }[]
  readonly scratch: Scratch
}

/** A folder on the machine, for what is restored. */
export interface Scratch {
  readonly folder: string
  /** Of a storage: where its archives lie. It is none of ours, and is not made when it is not there. */
  readonly archives?: string
}

/** Two up: of a storage, where Proxmox looks into `dump` alone. @param path of one of its archives */
export function scratchBeside(path: string): Scratch {
  const parts = path.split('/')
  return { folder: parts.slice(0, -2).join('/') || '/', archives: parts.slice(0, -1).join('/') }
}

export const filesDrillText = (base: JobBase, drill: FilesDrill): string => {
  const includes = drill.sample.flatMap(({ path }) => ['--include', literal(path)])
  const { folder, archives } = drill.scratch
  return jobText(
    base,
    [
      ...common(drill),
      assign('HL_SCRATCH', folder),
      assign('HL_ARCHIVES', archives ?? ''),
      archives === undefined ? ourScratch : storageScratch,
      filesBody,
      `fetch --target "$data" ${words(includes)}`,
      comparing,
      ...drill.sample.map(
        ({ path, size, uid, gid, rights }) =>
          `compare ${quoteWord(path)} ${size} ${uid}:${gid} ${quoteWord(rights)} ${quoteWord(JSON.stringify(path))}`,
      ),
      'untick',
      `say compared ",\\"same\\":$same,\\"changed\\":$changed"`,
      evidence,
    ].join('\n'),
  )
}

const ourScratch = sh`
days=0
scratch() { mkdir -p "$HL_SCRATCH" || fail disk 77; }
fits() { room "$data" "$HL_BYTES"; }
`

/**
 * After a migration or an unmount its folder may be missing, or be an empty one on the disk of the system, which must not be
 * filled. Live guests write to the same disk: a tenth of it stays free. And it may be shared: a drill of another node goes on there
 * for as long as two days.
 */
const storageScratch = sh`
days=3
scratch() { [ -d "$HL_ARCHIVES" ] || fail no-storage 65; }
fits() {
  df -k --output=size,avail "$data" | awk -v "bytes=$HL_BYTES" 'NR == 2 { fits = $2 >= bytes / 1024 + $1 / 10 } END { exit !fits }' ||
    fail storage-room 77
}
`

const filesBody = sh`
tidy() { untick; rm -rf cache; }
step look
scratch
find "$HL_SCRATCH" -mindepth 1 -maxdepth 1 -name 'homelab-drill-*' -mtime "+$days" -exec rm -rf {} + 2>/dev/null
mkdir "$HL_SCRATCH/homelab-drill-$HL_RUN" || fail disk 77
data=$HL_SCRATCH/homelab-drill-$HL_RUN
fits
root=
[ "$(id -u)" != 0 ] || root=1
step fetch
tick "$HL_BYTES" sh -c 'du -sk "$1" | awk "{ printf \"%.0f\", \$1 * 1024 }"' homelab "$data"
`

/** What is live goes on meanwhile, and an archive takes minutes: only a file that nobody has touched until the end can be held against the copy. */
const comparing = sh`
step compare
hashed=0
echo 0 >hashed
# hash FILE TO: a process that a cancel ends, and that says its number, by which others see how far it is.
hashing() { exec sh -c 'echo "$$" >hashing; exec sha256sum <"$1"' homelab "$1"; }
hash() {
  run TERM hashing "$1" >"$2" 2>>err
  code=$?
  check
  return "$code"
}
# seen FILE: what becomes another with it; nothing when it is gone.
seen() { [ ! -f "$1" ] || stat -c '%s %.9Y %.9Z' "$1" 2>/dev/null; }
# compare PATH SIZE OWNER RIGHTS NAME
compare() {
  check
  [ -f "$data$1" ] || { say file ",\"name\":$5"; fail missing 67; }
  [ "$(stat -c %s "$data$1")" = "$2" ] || { say file ",\"name\":$5"; fail incomplete 67; }
  [ "$(stat -c %a "$data$1")" = "$4" ] || { say file ",\"name\":$5"; fail rights 67; }
  [ -z "$root" ] || [ "$(stat -c %u:%g "$data$1")" = "$3" ] || { say file ",\"name\":$5"; fail rights 67; }
  live=$(seen "$1")
  case $live in
  "$(stat -c '%s %.9Y' "$data$1") "*) sums "$1" "$5" ;;
  *) changed=$((changed + 1)) ;;
  esac
  hashed=$((hashed + 2 * $2))
  echo "$hashed" >hashed
}
# sums PATH NAME
sums() {
  hash "$data$1" restored || fail disk 77
  echo "$((hashed + $(stat -c %s "$data$1")))" >hashed
  if hash "$1" live && cmp -s restored live; then
    same=$((same + 1))
    return
  fi
  if [ "$(seen "$1")" != "$live" ]; then
    changed=$((changed + 1))
    return
  fi
  say file ",\"name\":$2"
  [ "$code" = 0 ] || fail live-unreadable 65
  fail differs 67
}
# Both of each are read.
tick "$((HL_BYTES * 2))" sh -c 'read -r before <hashed && read -r pid <hashing && read -r _ at <"/proc/$pid/fdinfo/0" && echo "$((before + at))"'
`
