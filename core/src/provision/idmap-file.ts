/**
 * An idmap in a container's configuration. No program of Proxmox writes such a line: its file is changed itself, as Proxmox does
 * it, under the same lock, with a second file and a rename, and only when it is still what was read.
 */
import { HomelabError } from '../errors.ts'
import type { ExecOptions, Shell } from '../ports.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { parseIdmap, subidsFor } from './idmap.ts'
import { lastWords } from './pct.ts'

/** `/etc/subuid root:1000:1` and the like: lines that were not there before. */
export type AddedSubids = Readonly<Record<string, readonly string[]>>

const confOf = ({ vmid }: GuestRef): string => `/etc/pve/lxc/${vmid}.conf`

const read = 'cat "$1" && echo "-- $(sha256sum "$1")"'

/**
 * Arguments: the file, its sum as it was read, the VMID, the bytes of the new text, which comes by stdin. It is compared by its
 * length: a connection that is cut ends the text early, and half a file must never become the container's.
 * Exit codes: 65 it runs, 66 it was changed, 67 it did not arrive whole.
 */
const write = [
  'case $(pct status "$3") in "status: stopped") ;; *) exit 65 ;; esac',
  'new=$1.homelab.tmp',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: shell, not a template
  'sum=$(sha256sum "$1") && [ "${sum%% *}" = "$2" ] || exit 66',
  'tee -- "$new" >/dev/null && [ "$(stat -c %s -- "$new")" = "$4" ] || { rm -f -- "$new"; exit 67; }',
  'mv -f -- "$new" "$1" || { rm -f -- "$new"; exit 68; }',
].join('\n')

/** Arguments: a file and a line that shall be in it, as often as it takes. Prints those that were not. */
const addLines = [
  'while [ $# -gt 1 ]; do',
  'file=$1 line=$2; shift 2',
  'grep -qsxF -e "$line" "$file" && continue',
  '[ -z "$(tail -c 1 "$file" 2>/dev/null)" ] || echo | tee -a -- "$file" >/dev/null || exit 1',
  'echo "$line" | tee -a -- "$file" >/dev/null || exit 1',
  'echo "$file $line"',
  'done',
].join('\n')

/**
 * Arguments: a file, its letter in an idmap, a line `root:1000:1` and its number, as often as it takes. Which containers need them
 * is looked for under the same lock: one that is made meanwhile adds them again.
 */
const dropLines = [
  'maps=$(grep -rhs -e "^lxc.idmap" /etc/pve/lxc); [ $? -le 1 ] || exit 1',
  'needed() {',
  'printf "%s\\n" "$maps" | while read -r _ kind _ first count; do',
  '[ "$kind" = "$1" ] && [ "$2" -ge "$first" ] && [ "$2" -lt $((first + count)) ] && echo needed',
  'done | grep -q needed',
  '}',
  'while [ $# -gt 3 ]; do',
  'file=$1 kind=$2 line=$3 id=$4; shift 4',
  'needed "$kind" "$id" && continue',
  'left=$(cat "$file" && echo x) || exit 1',
  'left=$(printf "%s\\n" "$left" | grep -vxF -e "$line")',
  'new=$file.homelab.tmp',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: shell, not a template
  'printf "%s" "${left%x}" | tee -- "$new" >/dev/null && mv -f -- "$new" "$file" || exit 1',
  'done',
].join('\n')

/** useradd and usermod hold their own; ours keeps two runs from writing at once. */
const subidLock = '/run/lock/homelab-subids.lock'

interface Conf {
  readonly text: string
  readonly sum: string
}

async function readConf(guest: GuestRef, shell: Shell, options: ExecOptions): Promise<Conf> {
  const result = await shell.exec(['sh', '-c', read, 'idmap', confOf(guest)], options)
  const [, text, sum] = /^([\s\S]*)-- ([0-9a-f]{64}) [^\n]*\n$/.exec(result.stdout) ?? []
  if (result.code !== 0 || text === undefined || sum === undefined)
    throw new HomelabError(
      'not-found',
      `${guest.node} has no container ${guest.vmid}: ${lastWords(result)}`,
      {
        hint: `${guest.name} was removed or moved to another node: list the guests again.`,
        data: { vmid: guest.vmid, node: guest.node, stderr: result.stderr },
      },
    )
  return { text, sum }
}

/** Where its snapshots and pending changes begin. */
const headEnd = (text: string): number => {
  const at = text.search(/^\[/m)
  return at === -1 ? text.length : at
}

const isIdmap = (line: string): boolean => /^lxc\.idmap\s*[:=]/.test(line)

/** The idmap that the file has now, before any snapshot. */
const idmapIn = (text: string): readonly string[] => text.slice(0, headEnd(text)).split('\n').filter(isIdmap)

/** The same text with these lines as its idmap, and no other; [] for none. Pure. */
export function withIdmap(text: string, lines: readonly string[]): string {
  const end = headEnd(text)
  const head = text.slice(0, end)
  const kept = head.split('\n').filter((line) => !isIdmap(line))
  // Blank lines before a section are Proxmox's, and stay where they are.
  const tail: string[] = []
  while (kept.length > 0 && kept.at(-1)?.trim() === '') tail.unshift(kept.pop() ?? '')
  const rest = tail.length === 0 && end < text.length ? [''] : tail
  return [...kept, ...lines, ...(rest.length === 0 ? [''] : rest)].join('\n') + text.slice(end)
}

/** @throws HomelabError `conflict` while it runs, or when somebody else wrote it meanwhile; `failed` */
async function writeConf(
  guest: GuestRef,
  { text, sum }: Conf,
  lines: readonly string[],
  shell: Shell,
  options: ExecOptions,
): Promise<void> {
  const next = withIdmap(text, lines)
  const bytes = new TextEncoder().encode(next)
  const conf = confOf(guest)
  const lock = `/run/lock/lxc/pve-config-${guest.vmid}.lock`
  const vmid = String(guest.vmid)
  const argv = ['flock', '-w', '10', lock, 'sh', '-c', write, 'idmap', conf, sum, vmid, String(bytes.length)]
  const result = await shell.exec(argv, { ...options, stdin: bytes })
  const who = `${guest.name} (CT ${guest.vmid})`
  const data = { vmid: guest.vmid, stderr: result.stderr }
  if (result.code === 65)
    throw new HomelabError('conflict', `${who} is running: its users cannot be mapped anew`, {
      hint: `Stop it first: stop ${guest.name}`,
      data,
    })
  if (result.code === 66)
    throw new HomelabError('conflict', `the configuration of ${who} was changed by somebody else meanwhile`, {
      hint: 'Nothing was written. Try again.',
      data,
    })
  if (result.code === 1 && result.stderr.trim() === '')
    throw new HomelabError('locked', `something else is changing ${who}`, {
      hint: 'Try again in a moment.',
      data,
    })
  if (result.code !== 0)
    throw new HomelabError('failed', `${conf} could not be written: ${lastWords(result)}`, {
      hint: 'It is as it was. Is the cluster without quorum? cluster status shows it.',
      data,
    })
  const after = await readConf(guest, shell, options)
  if (after.text !== next)
    throw new HomelabError('failed', `${conf} is not what was written`, {
      hint: `Look at it on ${guest.node} before ${guest.name} is started.`,
      data,
    })
}

/**
 * Gives a standing container its idmap, and lets root of the node hand on these users. Best before its first start: what its
 * root disk holds of such a user already is nobody's afterwards.
 * @param lines as `idmapFor` makes them
 * @returns the lines of /etc/subuid and /etc/subgid that were added, for `removeIdmap`
 * @throws HomelabError `conflict` while it runs, when it is privileged, or has another idmap already; `locked`, `failed`
 */
export async function setIdmap(
  guest: GuestRef,
  lines: readonly string[],
  shell: Shell,
  options: ExecOptions = {},
): Promise<AddedSubids> {
  if (lines.length === 0) return {}
  const conf = await readConf(guest, shell, options)
  const there = idmapIn(conf.text)
  const plain = (all: readonly string[]) => JSON.stringify(parseIdmap(all))
  const same = plain(there) === plain(lines)
  if (!same && there.length > 0)
    throw new HomelabError('conflict', `${guest.name} (CT ${guest.vmid}) has another idmap already`, {
      hint: `Look at ${confOf(guest)} on ${guest.node}: its lines lxc.idmap must go first.`,
      data: { vmid: guest.vmid, there },
    })
  if (!/^unprivileged:\s*1\s*$/m.test(conf.text.slice(0, headEnd(conf.text))))
    throw new HomelabError(
      'conflict',
      `${guest.name} (CT ${guest.vmid}) is privileged: its users are the node's`,
      {
        hint: 'It needs no idmap.',
        data: { vmid: guest.vmid },
      },
    )
  // First what the container cannot start without.
  const added = await addSubids(lines, shell, options)
  if (same) return added
  await writeConf(guest, conf, lines, shell, options)
  // Whoever took them away meanwhile did not see this container yet.
  return { ...(await addSubids(lines, shell, options)), ...added }
}

const missingIn = (wanted: readonly string[], text: string): readonly string[] => {
  const known = text.split('\n')
  return wanted.filter((line) => !known.includes(line))
}

/**
 * What `setIdmap` would add to /etc/subuid and /etc/subgid, for `removeSubids` of a run that may break off.
 * @throws HomelabError those of the shell
 */
export async function missingSubids(
  lines: readonly string[],
  shell: Shell,
  options: ExecOptions = {},
): Promise<AddedSubids> {
  const missing: Record<string, readonly string[]> = {}
  for (const [file, wanted] of Object.entries(subidsFor(lines))) {
    if (wanted.length === 0) continue
    const { stdout } = await shell.exec(['cat', file], options)
    const absent = missingIn(wanted, stdout)
    if (absent.length > 0) missing[file] = absent
  }
  return missing
}

async function addSubids(lines: readonly string[], shell: Shell, options: ExecOptions): Promise<AddedSubids> {
  const pairs = Object.entries(subidsFor(lines)).flatMap(([file, wanted]) =>
    wanted.flatMap((line) => [file, line]),
  )
  const result = await shell.exec(
    ['flock', '-w', '10', subidLock, 'sh', '-c', addLines, 'subids', ...pairs],
    options,
  )
  if (result.code !== 0)
    throw new HomelabError(
      'failed',
      `/etc/subuid or /etc/subgid could not be written: ${lastWords(result)}`,
      {
        data: { stderr: result.stderr },
      },
    )
  const added: Record<string, string[]> = {}
  for (const [, file = '', line = ''] of result.stdout.matchAll(/^(\/etc\/sub[ug]id) (root:\d+:1)$/gm)) {
    const before = added[file] ?? []
    added[file] = [...before, line]
  }
  return added
}

/**
 * Takes a container's idmap away again, and the lines beside it that no other container of the node needs.
 * @param added as `setIdmap` returned it
 * @throws HomelabError `conflict` while it runs; `locked`, `failed`
 */
export async function removeIdmap(
  guest: GuestRef,
  shell: Shell,
  added: AddedSubids = {},
  options: ExecOptions = {},
): Promise<void> {
  const conf = await readConf(guest, shell, options)
  if (idmapIn(conf.text).length > 0) await writeConf(guest, conf, [], shell, options)
  await removeSubids(shell, added, options)
}

/**
 * Takes lines of /etc/subuid and /etc/subgid away that no container of the node needs any more: after a container with an
 * idmap was destroyed.
 * @throws HomelabError `failed`
 */
export async function removeSubids(
  shell: Shell,
  added: AddedSubids,
  options: ExecOptions = {},
): Promise<void> {
  const kinds = { '/etc/subuid': 'u', '/etc/subgid': 'g' } as const
  const words = Object.entries(kinds).flatMap(([file, kind]) =>
    (added[file] ?? []).flatMap((line) => {
      const id = /^root:(\d+):1$/.exec(line)?.[1]
      return id === undefined ? [] : [file, kind, line, id]
    }),
  )
  if (words.length === 0) return
  const result = await shell.exec(
    ['flock', '-w', '10', subidLock, 'sh', '-c', dropLines, 'subids', ...words],
    options,
  )
  if (result.code !== 0)
    throw new HomelabError(
      'failed',
      `/etc/subuid or /etc/subgid could not be written: ${lastWords(result)}`,
      {
        data: { stderr: result.stderr },
      },
    )
}
