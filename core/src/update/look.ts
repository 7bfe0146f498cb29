/** What waits for an update inside a container: one command that only reads, and its answer. */
import { HomelabError } from '../errors.ts'
import type { Shell } from '../ports.ts'

export interface Waiting {
  readonly name: string
  /** Absent of one that comes new with another. */
  readonly from?: string
  readonly to: string
  readonly security: boolean
}

/** How a community script made the container: `/usr/bin/update` of theirs runs what is newest there. */
export interface Helper {
  /** `jellyfin` */
  readonly app: string
  /** Of the service, when their script keeps it. */
  readonly version?: string
}

export interface Inside {
  /** `Debian GNU/Linux 12 (bookworm)`; empty when it does not say. */
  readonly system: string
  /** Absent: packages of this system are not known here. */
  readonly manager?: 'apt' | 'apk'
  readonly waiting: readonly Waiting[]
  /** Packages that are held back: they need others that are not there yet. */
  readonly kept: number
  /** Milliseconds since the lists of packages were read; absent when it does not show. */
  readonly listsAge?: number
  readonly helper?: Helper
}

/** One parameter: `refresh` reads the lists anew first. The files are read by cat, which fails where they are not. */
const script = String.raw`
export LC_ALL=C
os=$(cat /etc/os-release 2>/dev/null)
printf '== os\n%s\n' "$os"
id=
while IFS='=' read -r key value; do
  case $key in ID | ID_LIKE) id="$id $value" ;; esac
done <<END
$os
END
update=$(cat /usr/bin/update 2>/dev/null)
printf '== update\n%s\n' "$update"
app=
case $update in */ct/*.sh*) app=${'$'}{update#*/ct/} app=${'$'}{app%%.sh*} ;; esac
case $app in *[!a-z0-9-]*) app= ;; esac
echo '== version'
[ -z "$app" ] || cat "/root/.$app" 2>/dev/null
case $id in
  *debian* | *ubuntu*)
    if [ "$1" = refresh ]; then apt-get -q -o DPkg::Lock::Timeout=60 update >&2 || { echo '== refused'; exit 100; }; fi
    echo '== now'
    date +%s
    echo '== listed'
    date -r /var/lib/apt/lists/partial +%s 2>/dev/null || date -r /var/lib/apt/lists +%s 2>/dev/null
    echo '== apt'
    apt-get -s -o Debug::NoLocking=true upgrade
    ;;
  *alpine*)
    if [ "$1" = refresh ]; then apk update >&2 || { echo '== refused'; exit 100; }; fi
    echo '== apk'
    apk version -l '<'
    ;;
esac`

/**
 * @param limitMs of the whole look: a container that hangs is given up
 * @throws HomelabError `failed` with what the package manager says; `timeout`, `unreachable`
 */
export async function lookInside(
  shell: Shell,
  {
    refresh,
    limitMs,
    signal,
  }: { readonly refresh: boolean; readonly limitMs: number; readonly signal: AbortSignal },
): Promise<Inside> {
  const argv = ['sh', '-c', script, 'homelab', refresh ? 'refresh' : '']
  const { code, stdout, stderr } = await shell.exec(argv, { signal, timeoutMs: limitMs })
  if (code === 0) return parseInside(stdout)
  const said = stderr.trim().split('\n').at(-1) ?? ''
  const what = stdout.includes('== refused')
    ? 'The lists of packages could not be read anew'
    : 'Its packages could not be asked'
  throw new HomelabError('failed', `${what}: ${said === '' ? `exit code ${code}` : said}`, {
    hint: /\block\b/i.test(said)
      ? 'Its packages are worked on already, perhaps by unattended-upgrades: try again in some minutes.'
      : 'Has it a name server, and does it reach its mirrors?',
    data: { code, log: stderr.trim().split('\n').slice(-15) },
  })
}

/** Of what the script prints. */
export function parseInside(text: string): Inside {
  const parts = sections(text)
  const release = parts.get('os') ?? ''
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? ''
  const update = parts.get('update') ?? ''
  const app = /ProxmoxV[EM][^\s"']*\/ct\/([a-z0-9-]+)\.sh/.exec(update)?.[1]
  const version = parts.get('version')?.trim().split('\n')[0]?.replace(/^v/, '')
  const helper = app === undefined ? {} : { helper: { app, ...(version ? { version } : {}) } }
  const apt = parts.get('apt')
  if (apt !== undefined) {
    const [now, listed] = [Number(parts.get('now')), Number(parts.get('listed')?.trim() || Number.NaN)]
    const age = (now - listed) * 1000
    return {
      system,
      manager: 'apt',
      waiting: parseApt(apt),
      kept: Number(/ and (\d+) not upgraded/.exec(apt)?.[1] ?? 0),
      ...(Number.isFinite(age) ? { listsAge: Math.max(0, age) } : {}),
      ...helper,
    }
  }
  const apk = parts.get('apk')
  if (apk !== undefined) return { system, manager: 'apk', waiting: parseApk(apk), kept: 0, ...helper }
  return { system, waiting: [], kept: 0, ...helper }
}

function sections(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const part of text.split(/^== /m).slice(1)) {
    const end = part.indexOf('\n')
    found.set(part.slice(0, end), part.slice(end + 1))
  }
  return found
}

/** `Inst openssl [3.0.15] (3.0.17 Debian-Security:12/stable-security [amd64])`, of `apt-get -s upgrade`. */
export const parseApt = (text: string): readonly Waiting[] =>
  text.split('\n').flatMap((line) => {
    const [, name, from, to, origin] = /^Inst (\S+) (?:\[([^\]]*)\] )?\((\S+) ?([^[)]*)/.exec(line) ?? []
    if (name === undefined || to === undefined) return []
    return [{ name, ...(from === undefined ? {} : { from }), to, security: /security/i.test(origin ?? '') }]
  })

/** `busybox-1.36.1-r15    < 1.36.1-r19`, of `apk version -l '<'`; Alpine does not say which are for security. */
export const parseApk = (text: string): readonly Waiting[] =>
  text.split('\n').flatMap((line) => {
    const [, name, from, to] = /^(\S+)-(\d\S*-r\d+)\s+<\s+(\S+)/.exec(line) ?? []
    if (name === undefined || from === undefined || to === undefined) return []
    return [{ name, from, to, security: false }]
  })
