import { disks } from '../../ssh/host.ts'
import { permit, type Route } from '../route.ts'

/** What a node sees of its own disks. The first node has those that smartctl shows; others have one. */
export const diskRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/nodes/{node}/disks/list',
    // At the root or here, and what is given there counts here.
    allow: 'all',
    handle: ({ sim, caller, values }) => {
      permit(sim, caller, `/nodes/${values.node}`, ['Sys.Audit', 'Datastore.Audit'], true)
      return (values.node === sim.lab.nodes[0]?.name ? disks : ['sda']).map((name) => {
        const nvme = name.startsWith('nvme')
        return {
          devpath: `/dev/${name}`,
          by_id_link: `/dev/disk/by-id/${nvme ? 'nvme' : 'ata'}-SIM_${name}`,
          size: 4_000_787_030_016,
          model: nvme ? 'SIM_NVME' : 'SIM_HDD',
          serial: `SIM-${name}`,
          vendor: 'unknown',
          wwn: 'unknown',
          type: nvme ? 'nvme' : 'hdd',
          rpm: nvme ? 0 : 7200,
          gpt: 1,
          health: sim.faults.smartFailing.includes(name) ? 'FAILED' : 'PASSED',
          wearout: nvme ? 97 : 'N/A',
          mounted: 0,
          'osdid-list': [],
          osdid: -1,
        }
      })
    },
  },
]
