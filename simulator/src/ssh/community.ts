/** Stand-ins for the community's helper scripts: fetched from where the real ones are, and run by a real shell. */
import { dhcp } from '../lab/dhcp.ts'
import { catalogue, makeGuest } from '../lab/homelab.ts'
import { GiB, MiB } from '../lab/model.ts'
import { quote } from '../real/programs.ts'
import type { Services } from '../services/services.ts'
import type { Sim } from '../sim.ts'
import type { Output } from './answer.ts'
import { fail } from './answer.ts'
import { setUnit } from './system.ts'
import { putFile } from './users.ts'

const URL_OF =
  /^https:\/\/raw\.githubusercontent\.com\/community-scripts\/ProxmoxVE\/[^/]+\/ct\/([a-z0-9-]+)\.sh$/

/** They ask even when they are told all that they can be told: on the node, or inside, which they enter by themselves. */
const asking: Readonly<Record<string, readonly [where: 'node' | 'inside', text: string]>> = {
  postgresql: [
    'inside',
    'read -r -p "Would you like to add Adminer? <y/N> " prompt\n[[ $prompt == [yY]* ]] && echo "  Installed Adminer"',
  ],
  immich: [
    'inside',
    'read -r -p "   Select machine-learning type [1]: " type\necho "  Machine learning of type $type"',
  ],
  nextcloudpi: [
    'node',
    'whiptail --title "STORAGE" --menu "Which storage pool?" 14 58 6 "1" "tesla" || exit 1',
  ],
}

/** The real ones fetch the part that runs inside, and go on by its code. */
function asked(name: string): string {
  const [where, text] = asking[name] ?? []
  if (where !== 'inside') return text ?? ''
  return `lxc-attach -n "$var_ctid" -- bash -c ${quote(`set -Eeuo pipefail\n${text}\nexit 0`)} || exit $?`
}

/** What they leave beside a unit, where a blueprint goes on from it. */
const leaving: Readonly<Record<string, readonly [path: string, text: string]>> = {
  vaultwarden: ['/opt/vaultwarden/.env', 'ADMIN_TOKEN=\nROCKET_TLS=\'{certs="/opt/vaultwarden/ssl"}\'\n'],
}

/** undefined: no such script. 404 for one that there is not. */
export function scriptAt(url: string): string | undefined {
  const name = URL_OF.exec(url)?.[1]
  if (name === undefined || (!(name in asking) && !catalogue.some((each) => each.name === name)))
    return undefined
  return `#!/usr/bin/env bash
# A stand-in of the simulated lab for ct/${name}.sh.
APP=${name}
if [ "\${mode:-}" != generated ]; then
  whiptail --title "$APP LXC" --yesno "This will create a new $APP LXC. Proceed?" 10 58 || exit 1
fi
if [ "$(cat /usr/local/community-scripts/diagnostics 2>/dev/null)" != DIAGNOSTICS=no ]; then
  whiptail --title "TELEMETRY & DIAGNOSTICS" --yesno "Send anonymous diagnostics?" 10 58 || exit 1
fi
if [ "\${PHS_SILENT:-}" != 1 ] && [ "\${DISABLE_UPDATE:-}" != yes ]; then
  whiptail --title "UPDATE" --yesno "Upgrade this host first?" 10 58 || exit 1
fi
id=$(community-script id "$APP") || exit $?
[ "$id" = "\${var_ctid:-$id}" ] || echo "  Container ID $var_ctid is already in use, using $id"
export var_ctid=$id
echo "  Creating a container for $APP"
community-script create "$APP" || exit $?
${asked(name)}
echo "  Installing $APP"
community-script install "$APP" || exit $?
echo "  Completed Successfully!"
`
}

export interface ScriptCall {
  readonly sim: Sim
  readonly services: Services
  readonly node: string
  readonly args: readonly string[]
  /** `var_ctid`, `var_hostname`, … */
  readonly env: Readonly<Record<string, string>>
}

/** What the scripts do as root, with the node's own programs. */
export async function communityScript({
  sim,
  services,
  node,
  args: [step, app = ''],
  env,
}: ScriptCall): Promise<Output> {
  const taken = (id: number) => sim.lab.guests.has(id)
  const vmid = Number(env.var_ctid ?? 100)
  // One that is taken is no failure: they look for the next one. A volume of its name counts, too.
  if (step === 'id') {
    let id = vmid
    while (taken(id) || sim.faults.leftDisks.includes(id)) id += 1
    return { stdout: `${id}\n` }
  }
  if (step === 'create') {
    if (!Number.isInteger(vmid) || vmid < 100) return fail(`Invalid container ID ${env.var_ctid ?? ''}`, 205)
    if (taken(vmid)) return fail(`ID '${vmid}' is already in use.`, 206)
    const storage = env.var_container_storage ?? 'tesla'
    const target = sim.lab.storages.find((each) => each.name === storage && each.node === node)
    if (!target?.content.split(',').includes('rootdir'))
      return fail(`Storage '${storage}' cannot hold containers.`, 208)
    if (sim.faults.fullStorage.includes(storage)) return fail(`No room on ${storage}.`, 214)
    await sim.clock.sleep(2_000)
    if (taken(vmid)) return fail(`ID '${vmid}' is already in use.`, 206)
    const address = /^([\d.]+)\/\d+$/.exec(env.var_net ?? '')?.[1]
    const guest = makeGuest({
      vmid,
      name: env.var_hostname ?? app,
      node,
      cores: Number(env.var_cpu ?? 2),
      memory: Number(env.var_ram ?? 2048) * MiB,
      disk: Number(env.var_disk ?? 8) * GiB,
      tags: ['community-script', ...(env.var_tags ?? '').split(';').filter(Boolean)],
      ip: address ?? dhcp(vmid),
      startedAt: 0,
      running: false,
    })
    guest.config = {
      ...guest.config,
      rootfs: guest.config.rootfs?.replace(/^tesla:/, `${storage}:`) ?? '',
      net0: `name=eth0,bridge=${env.var_brg ?? 'vmbr0'},hwaddr=${/hwaddr=([^,]+)/.exec(guest.config.net0 ?? '')?.[1] ?? ''},ip=${env.var_net ?? 'dhcp'}${env.var_gateway ? `,gw=${env.var_gateway}` : ''},type=veth`,
      unprivileged: env.var_unprivileged ?? '1',
    }
    sim.lab.add(guest)
    sim.journal.change(vmid, 'create')
    sim.lab.setState(guest, 'running')
    return { stdout: `LXC Container ${vmid} was successfully created.\n` }
  }
  const guest = sim.lab.guests.get(vmid)
  if (guest === undefined) return fail('The container is gone.', 1)
  const inside = sim.files.container(guest)
  const service = catalogue.find(({ name }) => name === app)
  await sim.clock.sleep(2_000)
  if (service !== undefined) {
    putFile(inside, `/etc/systemd/system/${service.unit}`, `[Service]\nExecStart=/opt/${app}/${app}\n`)
    putFile(
      inside,
      '/usr/bin/update',
      `bash -c "$(curl -fsSL https://raw.githubusercontent.com/community-scripts/ProxmoxVE/main/ct/${app}.sh)"\n`,
    )
    const left = leaving[app]
    if (left !== undefined) putFile(inside, ...left)
    const call = { sim, services, guest, inside, args: [], stdin: Buffer.alloc(0) }
    await setUnit(call, service.unit, { enabled: true, active: true })
  }
  return { stdout: `${app} is installed.\n` }
}
