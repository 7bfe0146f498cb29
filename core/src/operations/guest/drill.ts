import { z } from 'zod'
import { storageIn } from '../../backup/guest-archives.ts'
import { drillGuest } from '../../backup/guest-drill.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Plan } from '../../operation/types.ts'
import { bytes, duration } from '../../operation/view.ts'
import { archivedGuest } from './archived.ts'

export const guestDrill = defineOperation({
  id: 'guest.drill',
  chat: 'guest drill',
  title: 'Prove that an archive boots',
  description:
    'Restores the newest archive of a guest under a scratch VMID with its network off, starts it, looks whether its system comes up, and destroys it, whatever happens.',
  risk: 'change',
  permission: 'admin',
  deadlineMs: 86_400_000,
  input: z.object({
    guest: z.string().describe('Guest name or VMID').meta({ suggest: 'guests' }),
    archive: z.string().optional().describe("Part of the archive's name; default: the newest"),
    storage: z
      .string()
      .optional()
      .describe('Where the copy goes; default: where its disks were')
      .meta({ suggest: 'storages' }),
  }),
  output: z.object({
    name: z.string(),
    archive: z.string(),
    ageMs: z.number(),
    vmid: z.int(),
    restoreSeconds: z.number(),
    bootSeconds: z.number(),
    leftOut: z.array(z.string()).readonly(),
  }),
  positional: ['guest'],
  examples: ['guest drill vaultwarden'],
  needs: ['lab', 'proxmox', 'shells', 'clock'],
  async plan({ guest: name, archive: wanted, storage }, services, { signal }): Promise<Plan> {
    const found = await archivedGuest(name, wanted, services, signal)
    return {
      summary: `Prove the archive of ${found.name}`,
      steps: [
        `${bytes(found.archive.size)} are restored under a VMID from 9900 on, with the network off`,
        'the copy is started and looked at',
        'it is destroyed',
      ],
      affects: [],
      warnings: found.blind.map((each) => `A newer archive may be where nobody could look: ${each}`),
      locks: ['guest-drill'],
      state: { archive: found.archive.volid, storage: storage ?? null },
    }
  },
  async run({ guest: name, archive: wanted, storage: where }, services, verbs) {
    const { clock } = services
    const found = await verbs.step('drill: find', async () => {
      const { guest, archive, config, ...rest } = await archivedGuest(name, wanted, services, verbs.signal)
      // Of this run alone: only a guest that carries it is destroyed.
      const run = `d${Array.from({ length: 9 }, () => Math.floor(Math.random() * 36).toString(36)).join('')}`
      return {
        run,
        name: rest.name,
        node: guest.node,
        volid: archive.volid,
        ctime: archive.ctime,
        storage: where ?? storageIn(guest.type, config) ?? '',
      }
    })
    if (found.storage === '')
      throw new HomelabError('usage', `The archive does not say where the disks of ${found.name} were.`, {
        hint: 'Say where the copy goes: `storage:<name>`.',
      })
    const done = await drillGuest(
      { run: found.run, node: found.node, archive: found.volid, storage: found.storage },
      services,
      verbs,
    )
    return {
      name: found.name,
      archive: found.volid,
      ageMs: clock.now().getTime() - found.ctime * 1000,
      vmid: done.vmid,
      restoreSeconds: done.restoreSeconds,
      bootSeconds: done.bootSeconds,
      leftOut: done.leftOut,
    }
  },
  card: ({ name, archive, ageMs, restoreSeconds, bootSeconds, leftOut }) => ({
    title: `The archive of ${name} boots`,
    tone: leftOut.length > 0 ? 'warning' : 'ok',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Archive', value: archive.split('/').at(-1) ?? archive },
          { name: 'Age', value: duration(ageMs) },
          { name: 'Restored in', value: duration(restoreSeconds * 1000) },
          { name: 'Ran after', value: duration(bootSeconds * 1000) },
        ],
      },
      ...(leftOut.length === 0
        ? []
        : [{ kind: 'list' as const, title: 'In no archive, so nothing is proven of it', items: leftOut }]),
    ],
  }),
})
