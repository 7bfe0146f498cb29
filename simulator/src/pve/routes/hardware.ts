import type { Route } from '../route.ts'

const intel = { vendor: '0x8086', vendor_name: 'Intel Corporation' }

/** What a home server has: graphics in the processor, a network card, a disk on the bus. */
const devices = [
  {
    id: '0000:00:02.0',
    class: '0x030000',
    ...intel,
    device: '0x1912',
    device_name: 'HD Graphics 530',
    iommugroup: 0,
  },
  {
    id: '0000:00:1f.6',
    class: '0x020000',
    ...intel,
    device: '0x15b8',
    device_name: 'Ethernet Connection (2) I219-V',
    iommugroup: 7,
  },
  {
    id: '0000:01:00.0',
    class: '0x010802',
    vendor: '0x144d',
    vendor_name: 'Samsung Electronics Co Ltd',
    device: '0xa804',
    device_name: 'NVMe SSD Controller SM961/PM961',
    iommugroup: 9,
  },
] as const

export const hardwareRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/nodes/{node}/hardware/pci',
    params: {
      'pci-class-blacklist': { type: 'string', optional: true },
      verbose: { type: 'boolean', optional: true },
    },
    allow: { path: '/', privs: ['Sys.Audit', 'Sys.Modify'], any: true },
    // The first node is the one with a screen.
    handle: ({ sim, values }) =>
      devices.filter((each) => values.node === sim.lab.nodes[0]?.name || !each.class.startsWith('0x03')),
  },
]
