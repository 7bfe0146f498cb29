/** The guest of a new service: made, known as this run's own, and gone again when the run fails. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Json } from '../operation/types.ts'
import { make } from '../operations/guest/making.ts'
import type { Clock } from '../ports.ts'
import type { CreateRequest } from '../proxmox/provision-types.ts'
import type { GuestRef, Proxmox } from '../proxmox/types.ts'
import { byClone } from './clone.ts'
import { featuresFor } from './features.ts'
import { describe, tags } from './label.ts'
import type { Found } from './types.ts'
import { followUnattended, startUnattended, stopUnattended } from './unattended.ts'
import type { Work } from './work.ts'

/** Milliseconds that a helper script may take: some build from source. */
const SCRIPT_MS = 5_400_000
/** Seconds that a guest gets to stop before it is taken away. */
const STOP_SECONDS = 60
const RAW = 'https://raw.githubusercontent.com/community-scripts/ProxmoxVE/main/ct'

/** @throws HomelabError why there is none; by then nothing is left of it */
export async function create(work: Work): Promise<GuestRef> {
  const { create: how } = work.found.from.blueprint
  if (how.by === 'script') return await byScript(work)
  return how.by === 'vm'
    ? await byClone(work, (...made) => undoGuest(work, ...made))
    : await fromTemplate(work)
}

async function fromTemplate(work: Work): Promise<GuestRef> {
  const { found, services, verbs, mark } = work
  const { name, node, storage, source, net, from } = found
  const { title, cores, memory, swap, disk, unprivileged } = from.blueprint
  const { token: features } = featuresFor(from.blueprint)
  const request = (vmid: number): CreateRequest => ({
    node,
    vmid,
    template: source,
    storage,
    hostname: name,
    sizeGib: disk,
    unprivileged,
    config: {
      cores: String(cores),
      memory: String(memory),
      swap: String(swap),
      net0: net,
      onboot: '1',
      tags: tags(found),
      description: describe(title, mark),
      // Others go over SSH: they are root@pam's alone.
      ...(features === undefined ? {} : { features }),
    },
  })
  const { guest } = await make(
    {
      vmid: found.vmid ?? undefined,
      guest: { type: 'lxc', node, name },
      verb: 'create',
      what: `Making ${name}`,
      act: (vmid) => services.proxmox.provision.create(request(vmid)),
      find: (vmid, { since, claimed }) =>
        services.proxmox.provision.findCreate(request(vmid), since, claimed),
      isOurs: (config) => String(config.description ?? '').includes(mark),
    },
    services,
    verbs,
  )
  undoGuest(work, guest, (config) => String(config.description ?? '').includes(mark))
  return guest
}

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
    var_ctid: String(vmid),
    var_hostname: name,
    var_cpu: String(cores),
    var_ram: String(memory),
    var_disk: String(disk),
    var_net: option('ip') ?? 'dhcp',
    ...(option('gw') === undefined ? {} : { var_gateway: option('gw') ?? '' }),
    var_brg: option('bridge') ?? 'vmbr0',
    var_unprivileged: unprivileged ? '1' : '0',
    // Devices are given as everywhere else, afterwards.
    var_gpu: 'no',
    var_container_storage: storage,
    // Of two the script would ask which.
    ...(templates === undefined ? {} : { var_template_storage: templates }),
    var_tags: tags(found),
    ...(how.by === 'script' ? how.env : {}),
  }
}

/**
 * Fetched to a file first: what is cut off on its way must not run by half. The scripts ask whether they may report home
 * unless this file says no.
 */
const runScript = [
  'set -e',
  'mkdir -p /usr/local/community-scripts',
  'test -e /usr/local/community-scripts/diagnostics || echo DIAGNOSTICS=no | tee /usr/local/community-scripts/diagnostics >/dev/null',
  'file=$2',
  'trap \'rm -f -- "$file"\' EXIT',
  'curl -fsSL -o "$file" -- "$1"',
  'bash "$file" </dev/null',
].join('\n')

async function byScript(work: Work): Promise<GuestRef> {
  const { found, services, verbs, mark } = work
  const { proxmox, shells, clock } = services
  const { name, node, source } = found
  const { create: how } = found.from.blueprint
  const vmid =
    found.vmid ?? (await verbs.step('VMID', () => proxmox.provision.nextFree(verbs.signal, SCRIPT_MS)))
  const guest: GuestRef = { vmid, type: 'lxc', node, name }
  const shell = shells.host(node)
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
  verbs.undo(`take ${vmid} away`, async () => {
    await stopUnattended(shell, options)
    // Made by half it has no name yet: the script alone was given this number.
    await takeAway(guest, services, (config) => String(config.hostname) === name, { half: true })
  })
  verbs.report({ text: `The script ${source} makes ${name} as ${vmid}` })
  await verbs.step('script', async () => {
    if (!(await proxmox.isFree(vmid, verbs.signal))) return 'there'
    await startUnattended(
      shell,
      ['sh', '-c', runScript, 'script', `${RAW}/${source}.sh`, `/tmp/homelab-${mark}.sh`],
      options,
    )
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
  if (await proxmox.isFree(vmid, verbs.signal))
    throw new HomelabError('failed', `The script ${source} ended well, and there is no container ${vmid}.`, {
      hint: 'It may have changed: run it in a terminal of the node.',
    })
  return guest
}

/** What this run made, and nothing else: by its mark. */
function undoGuest(
  { found, services, verbs }: Work,
  guest: GuestRef,
  isOurs: (config: Readonly<Record<string, Json>>) => boolean,
): void {
  verbs.undo(`take ${guest.vmid} away`, () => takeAway(guest, services, isOurs))
  verbs.log(`${found.name} is ${guest.vmid} on ${guest.node}`)
}

/**
 * Stopped and destroyed, when it is ours still.
 * @param options.half one whose making never ended counts as ours, too
 * @throws HomelabError `conflict` when the VMID is somebody else's by now
 */
export async function takeAway(
  guest: GuestRef,
  { proxmox, clock }: { readonly proxmox: Proxmox; readonly clock: Clock },
  isOurs: (config: Readonly<Record<string, Json>>) => boolean,
  { half = false }: { readonly half?: boolean } = {},
): Promise<void> {
  if (await proxmox.isFree(guest.vmid)) return
  const end = clock.monotonic() + STOP_SECONDS * 1000
  // Until it is made, its lock is all that its configuration says; what makes it may go on without who asked for it.
  let lock = (await proxmox.guestStatus(guest)).lock
  while (lock === 'create' && clock.monotonic() < end) {
    await clock.sleep(500)
    if (await proxmox.isFree(guest.vmid)) return
    lock = (await proxmox.guestStatus(guest)).lock
  }
  if (!(half && lock === 'create') && !isOurs(await proxmox.guestConfig(guest)))
    throw new HomelabError(
      'conflict',
      `${guest.vmid} on ${guest.node} is not what this run made, and was left alone.`,
      {
        hint: `\`guest show ${guest.vmid}\``,
      },
    )
  const stopped = clock.monotonic() + STOP_SECONDS * 1000
  for (;;) {
    const { status } = await proxmox.guestStatus(guest)
    if (status === 'stopped') break
    const upid = await proxmox.power(guest, 'stop')
    await proxmox.tasks.wait(upid).catch((error: unknown) => {
      if (!isHomelabError(error) || clock.monotonic() >= stopped) throw error
    })
    if (clock.monotonic() >= stopped)
      throw new HomelabError('timeout', `${guest.name} (${guest.vmid}) does not stop.`, {
        hint: `\`stop ${guest.vmid}\`, then \`guest delete ${guest.vmid} ${guest.name}\`.`,
      })
    await clock.sleep(300)
  }
  const upid = await proxmox.destroy(guest, { purge: true, ...(guest.type === 'lxc' ? { force: true } : {}) })
  await proxmox.tasks.wait(upid)
  if (!(await proxmox.isFree(guest.vmid)))
    throw new HomelabError('failed', `${guest.vmid} is still there.`, {
      hint: `\`guest show ${guest.vmid}\``,
    })
}
