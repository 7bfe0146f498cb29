import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Needed, Plan } from '../../operation/types.ts'
import { duration, guestPlace } from '../../operation/view.ts'
import { guestInput } from './inputs.ts'
import { type Losses, lossesOf } from './losses.ts'
import { oneOrTemplate } from './one.ts'
import { powerGuest } from './power.ts'

const input = z.object({
  guest: guestInput,
  confirm: z.string().min(1).describe("The guest's name or VMID once more"),
  stop: z.boolean().default(false).describe('Stop it first when it runs'),
  purge: z.boolean().default(false).describe('Also out of backup jobs, replication and HA of Proxmox'),
})
type Input = z.infer<typeof input>
type Services = Needed<readonly ['lab', 'proxmox', 'health', 'clock']>

/** Seconds for a clean shutdown; then it is stopped. */
const SHUTDOWN_SECONDS = 60

export const guestDelete = defineOperation({
  id: 'guest.delete',
  chat: 'guest delete',
  title: 'Delete a guest with its disks',
  description:
    'For good, with its snapshots. What it has of the host stays, and so do its archives. Its name has to be said twice, and one that is protected is refused.',
  risk: 'destructive',
  permission: 'admin',
  rare: true,
  input,
  output: z.object({
    name: z.string(),
    vmid: z.int(),
    type: z.enum(['lxc', 'qemu']),
    node: z.string(),
    volumes: z.array(z.string()),
    snapshots: z.array(z.string()),
    /** Folders and devices of the host that it had, and that are there as before. */
    kept: z.array(z.string()),
    /** Volume id of its newest archive. */
    archive: z.string().optional(),
    upid: z.string(),
  }),
  positional: ['guest', 'confirm'],
  examples: ['guest delete web web', 'guest delete 105 web stop:true purge:true'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { target, losses } = await find(wanted, services, signal)
    const { name, guest } = target
    const lockout = services.lab.lockout([target])
    return {
      summary: `Delete ${name} (${guestPlace(guest)}) for good`,
      steps: [
        ...(guest.status === 'stopped' ? [] : [`${name} is stopped`]),
        losses.volumes.length === 0
          ? 'its configuration is removed'
          : `its disks are destroyed: ${losses.volumes.join(', ')}`,
        ...(losses.snapshots.length === 0
          ? []
          : [`its snapshots go with them: ${losses.snapshots.join(', ')}`]),
        ...(wanted.purge ? ['it is taken out of backup jobs, replication and HA'] : []),
        ...losses.kept.map((source) => `${source} of the host stays as it is`),
      ],
      affects: target.dependents.map((each) => ({ name: each, why: `needs ${name}` })),
      warnings: [...backupWords(losses, services.clock.now().getTime())],
      locks: [`guest/${guest.vmid}`],
      state: {
        vmid: guest.vmid,
        name: guest.name,
        volumes: [...losses.volumes],
        snapshots: [...losses.snapshots],
        archive: losses.archive?.volid ?? null,
      },
      ...(lockout.length === 0 ? {} : { lockout }),
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox, lab } = services
    const found = (await verbs.step('find', async () => {
      const { target, losses } = await find(wanted, services, verbs.signal)
      return { target, losses } as unknown as Json
    })) as unknown as Awaited<ReturnType<typeof find>>
    const { target, losses } = found
    const { guest } = target
    if (guest.status !== 'stopped') {
      const request = { action: 'shutdown', wait: false, force: true, timeout: SHUTDOWN_SECONDS } as const
      await powerGuest(target, request, services, verbs)
    }
    verbs.report({ text: `Deleting ${target.name}` })
    let here = false
    const upid = await verbs.change<string>(`delete ${guest.vmid}`, {
      act: () => {
        here = true
        return proxmox.destroy(guest, { purge: wanted.purge })
      },
      find: ({ since, claimed }) =>
        proxmox.tasks.latest(guest, guest.type === 'lxc' ? 'vzdestroy' : 'qmdestroy', since, claimed),
    })
    verbs.log(`removal of ${guest.vmid}: ${upid}`)
    await verbs.follow<Json>('task', async (signal) => {
      const what = `The removal of ${target.name} (${guestPlace(guest)})`
      return (await proxmox.provision.wait(upid, what, { signal, mayHaveEnded: !here })) as unknown as Json
    })
    if (!(await verbs.step('look', () => proxmox.isFree(guest.vmid, verbs.signal))))
      throw new HomelabError('failed', `The task ended, but there is still a guest ${guest.vmid}.`, {
        hint: `\`guest show ${guest.vmid}\` and \`task log ${upid}\` tell more.`,
        data: { vmid: guest.vmid, upid },
      })
    await lab.overview({ fresh: true }).catch(() => undefined)
    return {
      name: target.name,
      vmid: guest.vmid,
      type: guest.type,
      node: guest.node,
      volumes: [...losses.volumes],
      snapshots: [...losses.snapshots],
      kept: [...losses.kept],
      ...(losses.archive === undefined ? {} : { archive: losses.archive.volid }),
      upid,
    }
  },
  card: ({ name, vmid, type, node, volumes, kept, archive }) => ({
    title: `${name} is deleted`,
    tone: 'ok',
    sections: [
      ...(volumes.length === 0 ? [] : [{ kind: 'list' as const, title: 'Destroyed', items: volumes }]),
      ...(kept.length === 0 ? [] : [{ kind: 'list' as const, title: 'Still on the host', items: kept }]),
      {
        kind: 'fields' as const,
        fields: [{ name: 'Newest archive', value: archive?.split('/').at(-1) ?? 'none' }],
      },
    ],
    footer: guestPlace({ vmid, type, node }),
  }),
})

/** What is left to get it back by, and how sure that is. */
function backupWords({ archive, blind, excluded }: Losses, now: number): readonly string[] {
  const unseen = blind.map((why) => `Whether there is an archive is not known everywhere: ${why}`)
  if (archive === undefined)
    return [...(blind.length === 0 ? ['It has no archive: nothing brings it back.'] : []), ...unseen]
  const age = duration(now - archive.ctime * 1000)
  const proven =
    archive.verification === 'ok'
      ? 'verified by its backup server'
      : 'known to be there, and not proven to restore: `guest drill` does that'
  return [
    `Its newest archive is of ${age} ago on ${archive.storage}, ${proven}. All since then is lost.`,
    ...excluded.map((volume) => `${volume} is in no archive and is lost for good.`),
    ...unseen,
  ]
}

async function find(wanted: Input, services: Services, signal: AbortSignal) {
  const { lab, proxmox } = services
  const target = await oneOrTemplate(lab, wanted.guest, signal)
  const { guest, name } = target
  const said = wanted.confirm.trim().toLowerCase()
  if (![guest.name.toLowerCase(), name.toLowerCase(), String(guest.vmid)].includes(said))
    throw new HomelabError(
      'usage',
      `To delete ${name}, say its name or VMID once more, not "${wanted.confirm}".`,
      {
        hint: `\`guest delete ${guest.vmid} ${guest.name}\``,
      },
    )
  const { status, lock, ha } = await proxmox.guestStatus(guest, signal)
  const config = await proxmox.guestConfig(guest, signal)
  if (String(config.protection ?? '0') === '1')
    throw new HomelabError('conflict', `${name} (${guestPlace(guest)}) is protected, so it is not deleted.`, {
      hint: `\`guest set ${guest.vmid} protection:false\` lifts that, if it is really meant.`,
      data: { vmid: guest.vmid, protection: true },
    })
  if (lock !== undefined)
    throw new HomelabError('locked', `${name} (${guestPlace(guest)}) is locked: ${lock}.`, {
      hint: 'Another task works on it: wait until that has ended, then try again.',
      data: { vmid: guest.vmid, lock },
    })
  if (ha && !wanted.purge)
    throw new HomelabError('conflict', `HA manages ${name}, and would miss it.`, {
      hint: 'Add `purge:true` to take it out of HA as well.',
      data: { vmid: guest.vmid },
    })
  if (status !== 'stopped' && !wanted.stop)
    throw new HomelabError('conflict', `${name} runs, so it is not deleted.`, {
      hint: `\`stop ${guest.vmid}\` first, or add \`stop:true\`.`,
      data: { vmid: guest.vmid, status },
    })
  const losses = await lossesOf(guest, config, services, signal)
  const seen = status === 'stopped' ? 'stopped' : 'running'
  const { dependents, service } = target
  return {
    target: {
      name,
      dependents: [...dependents],
      guest: { ...guest, status: seen } as const,
      ...(service === undefined ? {} : { service }),
    },
    losses,
  }
}
