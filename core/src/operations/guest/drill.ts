import { z } from 'zod'
import { cameUp, copySystems } from '../../backup/archive-notes.ts'
import { storageIn } from '../../backup/guest-archives.ts'
import { canLook, copyRun, copySeen, drillSteps, roomForCopy, tryArchive } from '../../backup/guest-proof.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Plan } from '../../operation/types.ts'
import { duration } from '../../operation/view.ts'
import { type ArchivedGuest, archivedGuest } from './archived.ts'

export const guestDrill = defineOperation({
  id: 'guest.drill',
  chat: 'guest drill',
  title: 'Try whether an archive boots',
  description:
    'Restores the newest archive of a guest under a scratch VMID with its network off, starts it, asks a container whether its system came up, and destroys it, whatever happens. A VM is only started: whether its system comes up is not known then. What was seen is kept in the notes of the archive.',
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
    /** `degraded`: some of its units failed; `answers`: it runs a program, and has no systemd; `started`: nobody looked into it. */
    system: z.enum(copySystems),
    /** Whether the system of the copy came up: `running` or `degraded`. */
    proven: z.boolean(),
    /** Of one that is `degraded`: its units that failed. */
    units: z.array(z.string()).readonly(),
    leftOut: z.array(z.string()).readonly(),
    /** Why the notes of the archive do not say what was seen. */
    unkept: z.string().optional(),
  }),
  positional: ['guest'],
  examples: ['guest drill vaultwarden'],
  needs: ['lab', 'proxmox', 'shells', 'clock'],
  async plan({ guest: name, archive: wanted, storage }, services, { signal }): Promise<Plan> {
    const found = await archivedGuest(name, wanted, services, signal)
    const { type, node, vmid } = found.guest
    const to = storageFor(found, storage)
    const room = roomForCopy(
      { node, storage: to, type, config: found.config },
      await services.lab.overview({ signal }),
      vmid,
    )
    return {
      summary: `Try the archive of ${found.name}`,
      steps: drillSteps(found.archive.size, room, canLook(type, node, services)),
      affects: [],
      warnings: found.blind.map((each) => `A newer archive may be where nobody could look: ${each}`),
      locks: ['guest-drill'],
      state: { archive: found.archive.volid, storage: to },
    }
  },
  async run({ guest: name, archive: wanted, storage: where }, services, verbs) {
    const found = await verbs.step('drill: find', async () => {
      const archived = await archivedGuest(name, wanted, services, verbs.signal)
      const { guest, archive } = archived
      return {
        run: copyRun(),
        name: archived.name,
        node: guest.node,
        volid: archive.volid,
        ctime: archive.ctime,
        storage: storageFor(archived, where),
      }
    })
    const { system, unkept, at: _at, ...done } = await tryArchive(found, services, verbs)
    return {
      ...done,
      name: found.name,
      archive: found.volid,
      ageMs: services.clock.now().getTime() - found.ctime * 1000,
      system,
      proven: cameUp(system),
      ...(unkept === null ? {} : { unkept }),
    }
  },
  card: ({ name, archive, ageMs, restoreSeconds, bootSeconds, system, units, leftOut, unkept }) => ({
    title: `The archive of ${name} ${copySeen({ system, units }).does}`,
    tone: leftOut.length > 0 || unkept !== undefined ? 'warning' : copySeen({ system, units }).tone,
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Archive', value: archive.split('/').at(-1) ?? archive },
          { name: 'Age', value: duration(ageMs) },
          { name: 'Restored in', value: duration(restoreSeconds * 1000) },
          { name: 'Ran after', value: duration(bootSeconds * 1000) },
          { name: 'Its system', value: copySeen({ system, units }).known },
        ],
      },
      ...(leftOut.length === 0
        ? []
        : [{ kind: 'list' as const, title: 'In no archive, so nothing is proven of it', items: leftOut }]),
      ...(unkept === undefined
        ? []
        : [{ kind: 'text' as const, text: `The notes of the archive do not say so: ${unkept}` }]),
    ],
  }),
})

/** @throws HomelabError `usage` when neither the archive nor anybody says it */
function storageFor({ name, guest, config }: ArchivedGuest, wanted: string | undefined): string {
  const storage = wanted ?? storageIn(guest.type, config)
  if (storage !== undefined) return storage
  throw new HomelabError('usage', `The archive does not say where the disks of ${name} were.`, {
    hint: 'Say where the copy goes: `storage:<name>`.',
  })
}
