import { z } from 'zod'
import { HomelabError, isHomelabError, TransportError } from '../../errors.ts'
import type { Lab, Target } from '../../inventory/types.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Needed, Plan } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import { quoteWord } from '../../operation/words.ts'
import { guestInput } from './inputs.ts'
import { one } from './one.ts'

/** Bytes of each stream that are kept: the last ones. */
const KEPT = 64 * 1024

const input = z.object({
  guest: guestInput,
  command: z
    .array(z.string())
    .min(1)
    .max(200)
    .describe('The program and its arguments, each by itself; no shell reads them')
    .meta({ verbatim: true }),
  timeout: z.int().min(1).max(3600).default(60).describe('Seconds that it gets'),
})
type Input = z.infer<typeof input>
type Services = Needed<readonly ['lab', 'shells']>

export const guestExec = defineOperation({
  id: 'guest.exec',
  chat: 'guest exec',
  title: 'Run a command in a container',
  description:
    'As its root, by SSH and pct exec. Off unless `exec` in homelab.yaml names the guest, and never from a chat. A command is never sent twice.',
  // What it does is up to the command.
  risk: 'destructive',
  permission: 'admin',
  surfaces: ['cli', 'api', 'n8n'],
  input,
  output: z.object({
    name: z.string(),
    vmid: z.int(),
    node: z.string(),
    /** Null when a signal ended it. */
    code: z.int().nullable(),
    stdout: z.string(),
    stderr: z.string(),
    /** There was more: the end of it is here. */
    truncated: z.boolean(),
  }),
  positional: ['guest', 'command'],
  examples: ['guest exec plex "df" "-h"'],
  needs: ['lab', 'shells'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { name, guest } = await find(wanted, services, signal)
    return {
      summary: `Run ${wanted.command[0] ?? ''} in ${name} (${guestPlace(guest)})`,
      steps: [wanted.command.map(quoteWord).join(' ')],
      affects: [],
      warnings: ['It runs as root in the container. What it does cannot be undone from here.'],
      locks: [],
      state: { vmid: guest.vmid, command: wanted.command },
    }
  },
  async run(wanted, services, verbs) {
    const { name, guest } = await find(wanted, services, verbs.signal)
    const shell = services.shells.guest(guest)
    const options = { signal: verbs.signal, timeoutMs: wanted.timeout * 1000, maxOutputBytes: KEPT }
    const ran = await verbs.change<Ran>('exec', {
      act: () =>
        shell.exec(wanted.command, options).then(
          (result): Ran => ({ ...result }),
          (error: unknown): Ran => {
            if (!mayHaveRun(error)) throw error
            // Kept as what came of it: there is nothing to look for, and nothing to wait for.
            return { cutOff: error.message }
          },
        ),
      find: () =>
        Promise.reject(new HomelabError('failed', 'A command leaves no trace by which it could be found.')),
    })
    if ('cutOff' in ran)
      throw new HomelabError('unclear', `The command in ${name} was cut off: ${ran.cutOff}.`, {
        hint: 'Look what it has done before it is run again.',
        data: { vmid: guest.vmid },
      })
    const { code, stdout, stderr, truncated } = ran
    return { name, vmid: guest.vmid, node: guest.node, code, stdout, stderr, truncated }
  },
  failed: ({ code }) => code !== 0,
  card: ({ name, vmid, node, code, stdout, stderr, truncated }, { command }) => ({
    title: `${command[0] ?? ''} in ${name}: ${code === 0 ? 'done' : code === null ? 'ended by a signal' : `exit code ${code}`}`,
    tone: code === 0 ? 'ok' : 'error',
    ...(truncated ? { text: 'This is the end of what it said.' } : {}),
    sections: [
      ...(stdout.trim() === '' ? [] : [{ kind: 'code' as const, text: stdout, keep: 'end' as const }]),
      ...(stderr.trim() === ''
        ? []
        : [{ kind: 'code' as const, title: 'Errors', text: stderr, keep: 'end' as const }]),
    ],
    footer: guestPlace({ vmid, type: 'lxc', node }),
  }),
})

type Ran =
  | { readonly cutOff: string }
  | {
      readonly code: number | null
      readonly stdout: string
      readonly stderr: string
      readonly truncated: boolean
    }

/** Out of time, or its connection is gone: it may have done what it was for. */
const mayHaveRun = (error: unknown): error is HomelabError =>
  (error instanceof TransportError && error.sent) ||
  (isHomelabError(error) && error.code === 'timeout' && error.data?.started !== false)

async function find(wanted: Input, { lab, shells }: Services, signal: AbortSignal): Promise<Target> {
  const target = await one(lab, wanted.guest, signal)
  const { guest, name } = target
  if (!(await isAllowed(target, lab, signal)))
    throw new HomelabError('denied', `Commands in ${name} are switched off.`, {
      hint: `Add \`exec: [${name}]\` to homelab.yaml, if admins may run any command in it as root.`,
      data: { vmid: guest.vmid },
    })
  if (guest.type !== 'lxc')
    throw new HomelabError('usage', `${name} is a virtual machine: commands run inside containers only.`)
  if (!shells.has(guest.node))
    throw new HomelabError('config', `There is no SSH access to ${guest.node}.`, {
      hint: 'Add it under `proxmox.ssh` in homelab.yaml.',
    })
  return target
}

/** An entry that names nothing allows nothing, and does not stand in the way of the others. */
async function isAllowed({ guest }: Target, lab: Lab, signal: AbortSignal): Promise<boolean> {
  for (const entry of lab.inventory.exec) {
    if (entry === '@all') return true
    const named = await lab.resolve([entry], { signal }).catch((error: unknown) => {
      if (isHomelabError(error) && (error.code === 'not-found' || error.code === 'ambiguous')) return []
      throw error
    })
    if (named.some((each) => each.guest.vmid === guest.vmid)) return true
  }
  return false
}
