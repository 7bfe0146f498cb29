/** The lab of homelab.md: one node with the sixteen services, one virtual machine and a template. */
import { noise } from '../random.ts'
import type { Guest, GuestType, Node, Service, Storage, Volume } from './model.ts'
import { GB, GiB, MiB, TB } from './model.ts'

const HOUR = 3_600_000

export interface Contents {
  readonly nodes: readonly Node[]
  readonly guests: readonly Guest[]
  readonly storages: readonly Storage[]
  readonly volumes: readonly Volume[]
  readonly services: readonly Service[]
}

export interface Wanted {
  readonly vmid: number
  readonly name: string
  readonly type?: GuestType
  readonly node: string
  readonly cores: number
  readonly memory: number
  readonly disk: number
  readonly tags: readonly string[]
  readonly ip: string
  readonly startedAt: number
  readonly mounts?: readonly string[]
  readonly running?: boolean
  readonly template?: boolean
  readonly pool?: string
}

const mac = (vmid: number): string =>
  `BC:24:11:${[16, 8, 0]
    .map((shift) => ((vmid * 7919) >> shift) & 0xff)
    .map((byte) => byte.toString(16).padStart(2, '0').toUpperCase())
    .join(':')}`

/** One guest with a configuration as Proxmox writes it. */
export function makeGuest(want: Wanted): Guest {
  const type = want.type ?? 'lxc'
  const tags = want.tags.join(';')
  const shared: Record<string, string> = {
    memory: String(want.memory / MiB),
    onboot: want.template ? '0' : '1',
    ...(tags && { tags }),
  }
  const config: Record<string, string> =
    type === 'lxc'
      ? {
          arch: 'amd64',
          cores: String(want.cores),
          features: 'nesting=1',
          hostname: want.name,
          net0: `name=eth0,bridge=vmbr0,gw=192.168.1.1,hwaddr=${mac(want.vmid)},ip=${want.ip}/24,type=veth`,
          ostype: 'debian',
          rootfs: `tesla:subvol-${want.vmid}-disk-0,size=${want.disk / GiB}G`,
          swap: '512',
          unprivileged: '1',
          ...shared,
          ...Object.fromEntries(
            (want.mounts ?? []).map((path, index) => [`mp${index}`, `${path},mp=${path.toLowerCase()}`]),
          ),
        }
      : {
          agent: '1',
          boot: 'order=scsi0',
          cores: String(want.cores),
          name: want.name,
          net0: `virtio=${mac(want.vmid)},bridge=vmbr0`,
          ostype: 'l26',
          scsi0: `tesla:vm-${want.vmid}-disk-0,size=${want.disk / GiB}G`,
          sockets: '1',
          ...shared,
        }
  const spread = noise(want.vmid, 7)
  return {
    vmid: want.vmid,
    type,
    node: want.node,
    state: want.running === false || want.template ? 'stopped' : 'running',
    startedAt: want.startedAt,
    template: want.template ?? false,
    lock: undefined,
    pool: want.pool,
    ha: undefined,
    config: want.template ? { ...config, template: '1' } : config,
    snapshots: [],
    load: {
      cpu: 0.005 + spread * 0.06,
      mem: want.memory * (0.25 + spread * 0.4),
      disk: want.disk * (0.2 + spread * 0.4),
    },
    maxcpu: want.cores,
    maxmem: want.memory,
    maxdisk: want.disk,
    ip: want.ip,
  }
}

/** name, VMID, port, stack, cores, memory MiB, disk GiB, milliseconds until it answers, systemd unit */
const services: readonly (readonly [
  string,
  number,
  number,
  string,
  number,
  number,
  number,
  number,
  string,
])[] = [
  ['traefik', 101, 80, 'core', 1, 512, 4, 250, 'traefik.service'],
  ['postgresql', 102, 5432, 'core', 2, 2048, 16, 400, 'postgresql@16-main.service'],
  ['redis', 103, 6379, 'core', 1, 512, 4, 200, 'redis-server.service'],
  ['cloudflared', 104, 20241, 'core', 1, 256, 2, 300, 'cloudflared.service'],
  ['prometheus', 105, 9090, 'monitoring', 1, 1024, 20, 500, 'prometheus.service'],
  ['grafana', 106, 3000, 'monitoring', 1, 512, 4, 500, 'grafana-server.service'],
  ['plex', 110, 32400, 'media', 4, 4096, 40, 600, 'plexmediaserver.service'],
  ['jellyfin', 111, 8096, 'media', 4, 2048, 20, 600, 'jellyfin.service'],
  ['radarr', 112, 7878, 'media', 2, 1024, 8, 500, 'radarr.service'],
  ['sonarr', 113, 8989, 'media', 2, 1024, 8, 500, 'sonarr.service'],
  ['prowlarr', 114, 9696, 'media', 1, 512, 4, 400, 'prowlarr.service'],
  ['qbittorrent', 115, 8080, 'media', 2, 1024, 8, 300, 'qbittorrent-nox.service'],
  ['immich', 120, 2283, 'apps', 4, 4096, 30, 900, 'immich-web.service'],
  ['nextcloud', 121, 443, 'apps', 2, 2048, 16, 500, 'apache2.service'],
  ['n8n', 122, 5678, 'apps', 2, 1024, 8, 700, 'n8n.service'],
  ['vaultwarden', 123, 80, 'apps', 1, 256, 4, 250, 'vaultwarden.service'],
]

/** The services as they are known, whether the lab has them or not. */
export const catalogue: readonly Service[] = services.map(([name, vmid, port, , , , , startMs, unit]) => ({
  name,
  vmid,
  port,
  startMs,
  unit,
}))

/** Host paths given to containers: these make their snapshots impossible, as on the real one. */
const mounts: Readonly<Record<string, readonly string[]>> = {
  plex: ['/Apollo/Media'],
  jellyfin: ['/Apollo/Media'],
  radarr: ['/Apollo/Media', '/Apollo/Downloads'],
  sonarr: ['/Apollo/Media', '/Apollo/Downloads'],
  qbittorrent: ['/Apollo/Downloads'],
  immich: ['/Apollo/Photos'],
  nextcloud: ['/Apollo/Nextcloud'],
}

export function homelab(now: number): Contents {
  const node = 'pve'
  const bootedAt = now - 41 * 24 * HOUR
  const guests = services.map(([name, vmid, , stack, cores, memory, disk], index) =>
    makeGuest({
      vmid,
      name,
      node,
      cores,
      memory: memory * MiB,
      disk: disk * GiB,
      tags: [stack],
      ip: `192.168.1.${vmid}`,
      startedAt: bootedAt + 60_000 + index * 4_000,
      pool: stack,
      ...(mounts[name] && { mounts: mounts[name] }),
    }),
  )
  guests.push(
    makeGuest({
      vmid: 130,
      name: 'homeassistant',
      type: 'qemu',
      node,
      cores: 2,
      memory: 4096 * MiB,
      disk: 32 * GiB,
      tags: ['apps'],
      ip: '192.168.1.130',
      startedAt: bootedAt + 180_000,
    }),
    makeGuest({
      vmid: 900,
      name: 'debian-12-template',
      node,
      cores: 1,
      memory: 512 * MiB,
      disk: 4 * GiB,
      tags: [],
      ip: '192.168.1.200',
      startedAt: 0,
      template: true,
    }),
  )
  const storage = (name: string, plugin: string, content: string, used: number, total: number): Storage => ({
    name,
    node,
    plugin,
    content,
    shared: false,
    used: Math.round(used),
    total: Math.round(total),
  })
  return {
    nodes: [
      {
        name: node,
        cores: 8,
        memory: 32 * GiB,
        rootfs: { used: Math.round(18.4 * GB), total: Math.round(62 * GB) },
        cpuModel: 'Intel(R) Core(TM) i7-6700K CPU @ 4.00GHz',
        bootedAt,
        ip: '192.168.1.10',
      },
    ],
    guests,
    storages: [
      storage('local', 'dir', 'backup,iso,vztmpl', 18.4 * GB, 62 * GB),
      storage('local-lvm', 'lvmthin', 'images,rootdir', 21 * GB, 152 * GB),
      storage('tesla', 'zfspool', 'images,rootdir', 0.61 * TB, 0.98 * TB),
    ],
    volumes: [
      {
        storage: 'local',
        node,
        volid: 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst',
        content: 'vztmpl',
        format: 'tzst',
        size: 126_515_062,
        ctime: bootedAt,
        vmid: undefined,
        notes: undefined,
        protected: false,
      },
      ...[102, 121, 123].map((vmid, index) => {
        const ctime = now - (index + 1) * 24 * HOUR
        return {
          storage: 'local',
          node,
          volid: backupName('local', 'lxc', vmid, ctime),
          content: 'backup',
          format: 'tar.zst',
          size: Math.round((0.4 + index) * GB),
          ctime,
          vmid,
          notes: services.find(([, id]) => id === vmid)?.[0],
          protected: false,
        }
      }),
    ],
    services: catalogue,
  }
}

/** The volume that vzdump makes: its name holds the guest and the server's local time. */
export function backupName(storage: string, type: GuestType, vmid: number, at: number): string {
  const stamp = new Date(at)
    .toISOString()
    .slice(0, 19)
    .replaceAll('-', '_')
    .replace('T', '-')
    .replaceAll(':', '_')
  return `${storage}:backup/vzdump-${type}-${vmid}-${stamp}.${type === 'lxc' ? 'tar.zst' : 'vma.zst'}`
}
