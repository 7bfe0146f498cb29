/** A container by a community helper script, which runs as root on the node and takes the number that it likes. */
import { HomelabError } from '../errors.ts'
import { takenError } from '../operations/guest/making.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { tags } from './label.ts'
import {
  containersOn,
  isNameless,
  isTagged,
  type Making,
  madeIn,
  severalError,
  takeScripted,
} from './scripted.ts'
import type { Found } from './types.ts'
import { clearUnattended, followUnattended, startUnattended, stopUnattended } from './unattended.ts'
import { again, type Work } from './work.ts'

/** Milliseconds that a helper script may take: some build from source. */
const SCRIPT_MS = 5_400_000
const RAW = 'https://raw.githubusercontent.com/community-scripts/ProxmoxVE/main/ct'

/** `192.168.1.5/24` → what the scripts call it. */
export function scriptEnv(found: Found, vmid: number): Readonly<Record<string, string>> {
  const { name, storage, templates, net, from } = found
  const { blueprint } = from
  const { create: how, cores, memory, disk, unprivileged } = blueprint
  const option = (key: string): string | undefined => new RegExp(`(?:^|,)${key}=([^,]+)`).exec(net)?.[1]
  return {
    mode: 'generated',
    PHS_SILENT: '1',
    DISABLE_UPDATE: 'yes',
    var_cpu: String(cores),
    var_ram: String(memory),
    var_disk: String(disk),
    ...(option('gw') === undefined ? {} : { var_gateway: option('gw') ?? '' }),
    var_brg: option('bridge') ?? 'vmbr0',
    var_unprivileged: unprivileged ? '1' : '0',
    // Devices are given as everywhere else, afterwards.
    var_gpu: 'no',
    var_container_storage: storage,
    // Of two the script would ask which.
    ...(templates === undefined ? {} : { var_template_storage: templates }),
    ...(how.by === 'script' ? how.env : {}),
    // What it makes is known again by these.
    var_ctid: String(vmid),
    var_hostname: name,
    var_tags: tags(found),
    var_net: option('ip') ?? 'dhcp',
  }
}

/**
 * Fetched to a file first: what is cut off on its way must not run by half. It is one of the folder that goes with the command,
 * because no trap removes it: sh runs none when it is ended. The scripts ask whether they may report home
 * unless this file says no.
 */
const runScript = [
  'set -e',
  'mkdir -p /usr/local/community-scripts',
  'test -e /usr/local/community-scripts/diagnostics || echo DIAGNOSTICS=no | tee /usr/local/community-scripts/diagnostics >/dev/null',
  'file=$HOMELAB_UNATTENDED/community.sh',
  'curl -fsSL -- "$1" >"$file"',
  'bash "$file" </dev/null',
].join('\n')

/** @throws HomelabError why there is none; by then nothing is left of it */
export async function byScript(work: Work): Promise<GuestRef> {
  const { found, services, verbs, mark } = work
  const { proxmox, shells, clock } = services
  const { name, node, source } = found
  const { create: how } = found.from.blueprint
  const vmid =
    found.vmid ?? (await verbs.step('VMID', () => proxmox.provision.nextFree(verbs.signal, SCRIPT_MS)))
  const shell = shells.host(node)
  let before: readonly number[] | undefined
  const making = (): Making => ({ name, node, vmid, before })
  const options = {
    key: `${mark}-script`,
    clock,
    signal: verbs.signal,
    limitMs: SCRIPT_MS,
    env: scriptEnv(found, vmid),
    onLine: (line: string) => {
      verbs.log(line)
      if (line.trim() !== '') verbs.report({ text: line.trim().slice(0, 200) })
    },
    ...(how.by === 'script' ? { answers: how.answers } : {}),
    askedHint: `A blueprint with \`create.answers\` can answer it. Or run it in a terminal of ${node}: bash -c "$(curl -fsSL ${RAW}/${source}.sh)", and add the service to homelab.yaml.`,
  }
  // Before all else: a run of an earlier version has begun its script without what follows.
  verbs.undo(`take ${name} away`, async () => {
    await stopUnattended(shell, options)
    await takeScripted(making(), services, verbs.log)
  })
  before = await again(work, 'containers before', async () => {
    const all = await containersOn(shell, verbs.signal)
    // What such a run has made by now has its number, and is no other.
    const same = all.find((each) => each.name === name && each.vmid !== vmid)
    if (same !== undefined)
      throw new HomelabError('conflict', `There is a container ${name} already (${same.vmid} on ${node}).`, {
        hint: `\`guest show ${same.vmid}\``,
      })
    const there = all.find((each) => each.vmid === vmid)
    const isOwn = there !== undefined && (there.name === name || isNameless(there))
    // Another number that was free a moment ago the script looks for by itself.
    if (found.vmid !== null && !isOwn && !(await proxmox.isFree(vmid, verbs.signal))) throw takenError(vmid)
    return all.flatMap((each) => (each.vmid === vmid ? [] : [each.vmid]))
  })
  verbs.report({ text: `The script ${source} makes ${name} as ${vmid}` })
  await verbs.step('script', async () => {
    // By its key it is begun once, however often it is sent.
    await startUnattended(shell, ['sh', '-c', runScript, 'script', `${RAW}/${source}.sh`], options)
    return 'begun'
  })
  await verbs.follow('script: end', async (signal) => {
    const { code, lines } = await followUnattended(shell, { ...options, signal })
    if (code === 0) return code
    throw new HomelabError(
      'failed',
      `The script ${source} ended with ${code}: ${lines.at(-1) ?? 'it said nothing'}`,
      {
        hint: 'Its whole text is in the log of this run.',
        data: { code, lines: lines.slice(-20) },
      },
    )
  })
  await verbs.step('script: clear', async () => {
    await clearUnattended(shell, options)
    return null
  })
  const made = await again(work, 'container made', async () => {
    const all = madeIn(await containersOn(shell, verbs.signal), making()).map((each) => each.vmid)
    if (all.length < 2) return all
    // Somebody may have run the same script by hand meanwhile.
    const isOurs = all.map(async (each) =>
      isTagged(await proxmox.guestConfig({ vmid: each, type: 'lxc', node, name }, verbs.signal)),
    )
    const ours = await Promise.all(isOurs)
    return ours.includes(true) ? all.filter((_each, index) => ours[index]) : all
  })
  return { vmid: oneOf(made, making(), found), type: 'lxc', node, name }
}

function oneOf(made: readonly number[], making: Making, { source, vmid: asked }: Found): number {
  const { name, node, vmid } = making
  const [first] = made
  if (first === undefined)
    throw new HomelabError(
      'failed',
      `The script ${source} ended well, and there is no new container ${name} on ${node}.`,
      {
        hint: 'It may have changed: run it in a terminal of the node.',
      },
    )
  if (made.length > 1) throw severalError(making, made)
  if (asked !== null && first !== asked)
    throw new HomelabError('conflict', `The script ${source} made ${name} as ${first}: ${vmid} was taken.`, {
      hint: 'Leave `vmid` out. A disk that an earlier container of this number has left counts, too.',
      data: { vmid, made: first },
    })
  return first
}
