/** Templates of containers that a node can download: PVE::API2::Nodes, aplinfo. */
import { badParameters, die } from '../error.ts'
import { text } from '../params.ts'
import type { Route } from '../route.ts'
import { permit } from '../route.ts'

interface Appliance {
  readonly template: string
  readonly package: string
  readonly os: string
  readonly version: string
  readonly section: string
  readonly headline: string
  readonly size: number
}

const known: readonly Appliance[] = [
  ['alpine-3.21-default_20241217_amd64.tar.xz', 'alpine-3.21-default', 'alpine', '20241217', 'system', 3.2],
  ['debian-12-standard_12.12-1_amd64.tar.zst', 'debian-12-standard', 'debian-12', '12.12-1', 'system', 126],
  ['debian-13-standard_13.1-2_amd64.tar.zst', 'debian-13-standard', 'debian-13', '13.1-2', 'system', 129],
  [
    'ubuntu-24.04-standard_24.04-2_amd64.tar.zst',
    'ubuntu-24.04-standard',
    'ubuntu-24.04',
    '24.04-2',
    'system',
    142,
  ],
  [
    'debian-12-turnkey-nextcloud_18.1-1_amd64.tar.gz',
    'turnkey-nextcloud',
    'debian-12',
    '18.1-1',
    'turnkeylinux',
    560,
  ],
].map(([template, name, os, version, section, megabytes]) => ({
  template: String(template),
  package: String(name),
  os: String(os),
  version: String(version),
  section: String(section),
  headline: section === 'system' ? `${String(os)} (${String(name).split('-').at(-1)})` : 'TurnKey Nextcloud',
  size: Math.round(Number(megabytes) * 1e6),
}))

export const aplinfoRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/nodes/{node}/aplinfo',
    allow: 'all',
    handle: () =>
      known.map(({ size: _size, ...appliance }) => ({
        ...appliance,
        type: 'lxc',
        architecture: 'amd64',
        source: 'http://download.proxmox.com/images',
        location: `http://download.proxmox.com/images/${appliance.section}/${appliance.template}`,
        infopage: 'https://pve.proxmox.com/wiki/Linux_Container',
        description: `${appliance.headline}\n`,
        maintainer: 'Proxmox Support Team <support@proxmox.com>',
      })),
  },
  {
    verb: 'POST',
    path: '/nodes/{node}/aplinfo',
    params: { storage: { type: 'string', format: 'storage' }, template: text },
    allow: { path: '/storage/{storage}', privs: ['Datastore.AllocateTemplate'] },
    handle: ({ sim, caller, values }) => {
      const { node = '', storage = '', template = '' } = values
      permit(sim, caller, `/storage/${storage}`, ['Datastore.AllocateTemplate'])
      const appliance = known.find((each) => each.template === template)
      if (appliance === undefined) throw badParameters({ template: 'no such template' })
      const place = sim.lab.storages.find((each) => each.name === storage && each.node === node)
      if (place === undefined) throw die(`storage '${storage}' does not exist`)
      if (!place.content.split(',').includes('vztmpl'))
        throw die(`storage '${storage}' does not support templates`)
      const volid = `${storage}:vztmpl/${template}`
      // The task has no id: which template it is for is in its log alone.
      return sim.tasks.start(node, 'download', '', caller.id, async (task) => {
        const file = `/var/lib/vz/template/cache/${template}`
        const isThere = () => sim.lab.volumes.some((each) => each.volid === volid && each.node === node)
        task.log(`downloading http://download.proxmox.com/images/${appliance.section}/${template} to ${file}`)
        if (isThere()) {
          task.log('OK, got correct file already, no need to download')
          return
        }
        await task.spend(0.5, 8_000)
        if (sim.faults.fullStorage.includes(storage))
          throw new Error(`download failed: write error: No space left on device`)
        await task.spend(0.5, 8_000)
        task.log(`calculating checksum...OK, checksum verified`)
        if (!isThere()) {
          sim.lab.volumes.push({
            storage,
            node,
            volid,
            content: 'vztmpl',
            format: template.endsWith('.zst') ? 'tzst' : template.endsWith('.xz') ? 'txz' : 'tgz',
            size: appliance.size,
            ctime: sim.clock.now(),
            vmid: undefined,
            notes: undefined,
            protected: false,
          })
          place.used += appliance.size
          sim.lab.touch()
        }
        task.log(
          `download of 'http://download.proxmox.com/images/${appliance.section}/${template}' to '${file}' finished`,
        )
      })
    },
  },
]
