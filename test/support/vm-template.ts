/** A VM template of the simulated lab, made as a person makes one: a clone that is converted, with a drive for cloud-init. */
import { createPve } from './pve.ts'
import type { Simulator } from './simulator.ts'

export interface TemplateOptions {
  readonly vmid: number
  readonly name: string
  /** Of the lab's services: it is on the disk, and answers in each clone. */
  readonly image: string
  /** Lines of its configuration besides; null takes one away. */
  readonly config?: Readonly<Record<string, string | null>>
}

/** It has a disk of 32 GiB, an agent, and its address by DHCP. @throws Error when the lab refuses a step */
export async function makeVmTemplate(
  simulator: Simulator,
  { vmid, name, image, config = {} }: TemplateOptions,
): Promise<void> {
  const pve = createPve(simulator.lab)
  const done = async (path: string, form: Readonly<Record<string, string>> = {}): Promise<void> => {
    const { data, reason } = await pve.post(path, form)
    if (typeof data !== 'string') throw new Error(`${path}: ${reason}`)
    await simulator.waitFor({ kind: 'task', upid: data, status: 'OK' })
  }
  await done('/nodes/pve/qemu/130/clone', { newid: String(vmid), name, full: '1' })
  const drive = `tesla:vm-${vmid}-cloudinit,media=cdrom,size=4M`
  await simulator.changeGuest(vmid, { image, config: { ide2: drive, tags: null, ...config } })
  await done(`/nodes/pve/qemu/${vmid}/template`)
}
