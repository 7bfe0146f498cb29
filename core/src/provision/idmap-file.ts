/**
 * An idmap in a container's configuration. No program of Proxmox writes such a line: its file is changed itself, as Proxmox does
 * it, under the same lock, with a second file and a rename, and only when it is still what was read.
 */
import { HomelabError } from '../errors.ts'
import type { ExecOptions, Shell } from '../ports.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { parseIdmap, subidsFor } from './idmap.ts'
import { lastWords, pct } from './pct.ts'

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

/** Arguments: the file, and the lines that shall be in it. Prints those that were not. */
const addLines = [
  'file=$1; shift',
  'for line do',
  'grep -qsxF -e "$line" "$file" && continue',
  '[ -z "$(tail -c 1 "$file" 2>/dev/null)" ] || echo | tee -a -- "$file" >/dev/null || exit 1',
  'echo "$line" | tee -a -- "$file" || exit 1',
  'done',
].join('\n')

/** Arguments: the file, and lines that go from it. */
const dropLines = [
  'file=$1; shift; new=$file.homelab.tmp',
  'left=$(cat "$file" && echo x) || exit 1',
  'for line do left=$(printf "%s\\n" "$left" | grep -vxF -e "$line"); done',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: shell, not a template
  'printf "%s" "${left%x}" | tee -- "$new" >/dev/null && mv -f -- "$new" "$file"',
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
  const added: Record<string, readonly string[]> = {}
  for (const [file, wanted] of Object.entries(subidsFor(lines))) {
    const { stdout } = await shell.exec(['cat', file], options)
    const known = stdout.split('\n')
    if (wanted.every((line) => known.includes(line))) continue
    const argv = ['flock', '-w', '10', subidLock, 'sh', '-c', addLines, 'subids', file, ...wanted]
    const result = await shell.exec(argv, options)
    if (result.code !== 0)
      throw new HomelabError('failed', `${file} could not be written: ${lastWords(result)}`, {
        data: { file, added, stderr: result.stderr },
      })
    const fresh = result.stdout.split('\n').filter((line) => wanted.includes(line))
    if (fresh.length > 0) added[file] = fresh
  }
  if (!same) await writeConf(guest, conf, lines, shell, options)
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
  if (Object.values(added).every((lines) => lines.length === 0)) return
  const used = await shell.exec(['grep', '-rhs', '-e', '^lxc.idmap', '/etc/pve/lxc'], options)
  // 1: nothing was found.
  if (used.code !== 0 && used.code !== 1)
    throw new HomelabError('failed', `the containers could not be looked at: ${lastWords(used)}`)
  const needed = subidsFor(used.stdout.split('\n'))
  for (const [file, lines] of Object.entries(added)) {
    if (file !== '/etc/subuid' && file !== '/etc/subgid') continue
    const gone = lines.filter((line) => /^root:\d+:1$/.test(line) && !needed[file].includes(line))
    if (gone.length === 0) continue
    const argv = ['flock', '-w', '10', subidLock, 'sh', '-c', dropLines, 'subids', file, ...gone]
    const result = await shell.exec(argv, options)
    if (result.code !== 0)
      throw new HomelabError('failed', `${file} could not be written: ${lastWords(result)}`, {
        data: { file },
      })
  }
}

/** Whether the container stands still. @throws HomelabError as pct */
export async function standsStill(
  guest: GuestRef,
  shell: Shell,
  options: ExecOptions = {},
): Promise<boolean> {
  return (await pct(guest, 'status', [], shell, options)).trim() === 'status: stopped'
}
