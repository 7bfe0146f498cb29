import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { bytes, duration } from '../../operation/view.ts'
import { guestInput } from '../guest/inputs.ts'
import { one } from '../guest/one.ts'
import { archiveName, findArchives } from './find.ts'

const Row = z.object({
  volid: z.string(),
  storage: z.string(),
  node: z.string(),
  /** Absent on an archive that nobody could tell the guest of. */
  vmid: z.int().optional(),
  /** As the guest is called now; absent when there is none any more. */
  name: z.string().optional(),
  type: z.enum(['lxc', 'qemu']).optional(),
  /** ISO 8601. */
  at: z.string(),
  ageMs: z.number(),
  bytes: z.number(),
  format: z.string(),
  notes: z.string().optional(),
  protected: z.boolean(),
  /** Of a Proxmox Backup Server: `ok` or `failed`. */
  verification: z.string().optional(),
})

export const archiveList = defineOperation({
  id: 'archive.list',
  // A group of its own would be one name too many for Discord's tree.
  chat: 'guest archives',
  title: 'List the archives of guests',
  description:
    'What vzdump has left on every storage of Proxmox, the newest first. Storages that could not be looked at are named.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({
    guest: guestInput.optional(),
    vmid: z.int().min(100).optional().describe('Of a guest that is gone: its VMID'),
    storage: z.string().optional().describe('Only on this storage').meta({ suggest: 'storages' }),
  }),
  output: z.object({
    archives: z.array(Row),
    problems: z.array(z.object({ storage: z.string(), node: z.string(), why: z.string() })),
  }),
  positional: ['guest'],
  examples: ['guest archives', 'guest archives plex', 'guest archives storage:local'],
  needs: ['lab', 'proxmox', 'clock'],
  run: async ({ guest: name, vmid: gone, storage }, { lab, proxmox, clock }, { signal }) => {
    const overview = await lab.overview({ signal })
    const vmid = name === undefined ? gone : (await one(lab, name, signal)).guest.vmid
    const { archives, problems } = await findArchives({ vmid, storage }, { overview, proxmox }, signal)
    const names = new Map(overview.guests.map((guest) => [guest.vmid, guest.name]))
    const now = clock.now().getTime()
    return {
      archives: archives.map(({ ctime, size, encrypted: _encrypted, ...archive }) => {
        const called = names.get(archive.vmid ?? 0)
        return {
          ...archive,
          ...(called === undefined ? {} : { name: called }),
          at: new Date(ctime * 1000).toISOString(),
          ageMs: now - ctime * 1000,
          bytes: size,
        }
      }),
      problems: [...problems],
    }
  },
  card: ({ archives, problems }, { guest }) => ({
    title:
      archives.length === 0
        ? `No archives${guest === undefined ? '' : ` of ${guest}`}`
        : `${archives.length} archive${archives.length === 1 ? '' : 's'}${guest === undefined ? '' : ` of ${guest}`}`,
    tone: problems.length > 0 ? 'warning' : 'neutral',
    sections: [
      ...(archives.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              columns: [{ name: 'Guest' }, { name: 'Age' }, { name: 'Size' }, { name: 'Archive' }],
              rows: archives.map((row) => [
                row.name ?? String(row.vmid ?? '–'),
                duration(row.ageMs),
                bytes(row.bytes),
                `${row.storage}: ${archiveName(row.volid)}${row.protected ? ' (protected)' : ''}`,
              ]),
            },
          ]),
      ...(problems.length === 0
        ? []
        : [
            {
              kind: 'list' as const,
              title: 'Not looked at',
              items: problems.map(({ storage, node, why }) => `${storage} on ${node}: ${why}`),
            },
          ]),
    ],
  }),
})
