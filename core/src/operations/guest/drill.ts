import { z } from 'zod'
import { storageIn } from '../../backup/guest-archives.ts'
import { drillGuest } from '../../backup/guest-drill.ts'
import { HomelabError } from '../../errors.ts'
import type { Tone } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Plan } from '../../operation/types.ts'
import { bytes, duration } from '../../operation/view.ts'
import type { Clock, Shell } from '../../ports.ts'
import { typeOfArchive } from '../../proxmox/backups.ts'
import { archivedGuest } from './archived.ts'

/** What is known of the system of the copy. */
const System = z.enum(['running', 'degraded', 'answers', 'started'])
type System = z.infer<typeof System>

export const guestDrill = defineOperation({
  id: 'guest.drill',
  chat: 'guest drill',
  title: 'Try whether an archive boots',
  description:
    'Restores the newest archive of a guest under a scratch VMID with its network off, starts it, asks a container whether its system came up, and destroys it, whatever happens. A VM is only started: nobody looks into it.',
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
    system: System,
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
        found.guest.type === 'lxc' && services.shells.has(found.guest.node)
          ? 'the copy is started, and asked whether its system came up'
          : 'the copy is started; nobody looks into it',
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
    // Without a way to the node, or into a VM, a start is all that can be seen.
    const asked = typeOfArchive(found.volid) === 'lxc' && services.shells.has(found.node)
    const done = await drillGuest(
      {
        run: found.run,
        node: found.node,
        archive: found.volid,
        storage: found.storage,
        ...(asked ? { check: (shell, signal) => systemOf(shell, clock, signal) } : {}),
      },
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
      system: System.catch('started').parse(done.check),
      leftOut: done.leftOut,
    }
  },
  card: ({ name, archive, ageMs, restoreSeconds, bootSeconds, system, leftOut }) => ({
    title: `The archive of ${name} ${said[system].does}`,
    tone: leftOut.length > 0 ? 'warning' : said[system].tone,
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Archive', value: archive.split('/').at(-1) ?? archive },
          { name: 'Age', value: duration(ageMs) },
          { name: 'Restored in', value: duration(restoreSeconds * 1000) },
          { name: 'Ran after', value: duration(bootSeconds * 1000) },
          { name: 'Its system', value: said[system].known },
        ],
      },
      ...(leftOut.length === 0
        ? []
        : [{ kind: 'list' as const, title: 'In no archive, so nothing is proven of it', items: leftOut }]),
    ],
  }),
})

const said: Readonly<Record<System, { readonly does: string; readonly tone: Tone; readonly known: string }>> =
  {
    running: { does: 'boots', tone: 'ok', known: 'came up' },
    // With its network off this is usual.
    degraded: { does: 'boots', tone: 'ok', known: 'came up; some of its units failed, with the network off' },
    answers: {
      does: 'runs',
      tone: 'neutral',
      known: 'has no systemd to ask: a program runs in it, and no more is known',
    },
    started: { does: 'was started', tone: 'neutral', known: 'nobody looked into it' },
  }

/** Without a network some services wait for it as long as they may: five minutes is Debian's own. */
const comesUpMs = 600_000

/**
 * Whether the system of a container came up.
 * @throws HomelabError `failed` or `timeout` when it did not
 */
export async function systemOf(shell: Shell, clock: Clock, signal: AbortSignal): Promise<System> {
  const until = clock.monotonic() + comesUpMs
  for (;;) {
    const timeoutMs = Math.max(1_000, until - clock.monotonic())
    const { code, stdout, stderr } = await shell.exec(['systemctl', 'is-system-running', '--wait'], {
      signal,
      timeoutMs,
    })
    const state = stdout.trim()
    if (state === 'running' || state === 'degraded') return state
    if (code === 126 || code === 127) return await answers(shell, signal)
    if (state === 'maintenance')
      throw new HomelabError('failed', 'The system of the copy is in its emergency mode.', {
        hint: 'Restore it with `guest restore`, and look at its journal.',
      })
    if (clock.monotonic() >= until)
      throw new HomelabError(
        'timeout',
        `The system of the copy did not come up: after ${duration(comesUpMs)} it is ${state || stderr.trim() || 'silent'}.`,
      )
    // Right after its start nothing of systemd may be there to be asked, and old ones do not wait.
    await clock.sleep(2_000, signal)
  }
}

async function answers(shell: Shell, signal: AbortSignal): Promise<'answers'> {
  const { code, stderr } = await shell.exec(['/bin/true'], { signal })
  if (code === 0) return 'answers'
  throw new HomelabError('failed', `No program runs in the copy: ${stderr.trim() || `code ${code}`}`)
}
