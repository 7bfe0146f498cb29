import { HomelabError, isHomelabError } from '../errors.ts'
import type { ExecOptions, ExecResult, Shell } from '../ports.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { redact } from '../secret.ts'
import { launch, secretsToHide } from './launcher.ts'
import { withoutSecretEnd } from './output.ts'
import type { Shells } from './types.ts'

export interface NodeShells {
  /** @throws HomelabError `config` when there is no SSH access for this node */
  shell(node: string): Shell
  has(node: string): boolean
  /** Where the guest is now, when its node does not have it; undefined when nobody can tell. */
  whereIs?(guest: GuestRef, signal?: AbortSignal): Promise<string | undefined>
}

export const createShells = (nodes: NodeShells): Shells => ({
  host: (node) => nodes.shell(node),
  has: (node) => nodes.has(node),
  guest(guest) {
    if (guest.type !== 'lxc') {
      throw new HomelabError(
        'usage',
        `${guest.name} is a virtual machine: commands run inside containers only`,
      )
    }
    return {
      async exec(argv, options = {}) {
        try {
          return await execInGuest(nodes.shell(guest.node), guest, argv, options)
        } catch (error) {
          // pct found no such container: nothing was run.
          if (!isHomelabError(error) || error.data?.elsewhere !== true) throw error
          const node = await nodes.whereIs?.(guest, options.signal).catch(() => undefined)
          if (node === undefined || node === guest.node) throw error
          return await execInGuest(nodes.shell(node), { ...guest, node }, argv, options)
        }
      },
    }
  },
})

/** pct hands its stdin on, so the launcher runs inside the container and nothing stays on the host. */
async function execInGuest(
  shell: Shell,
  guest: GuestRef,
  argv: readonly string[],
  { env, secrets, stdin, onLine, ...options }: ExecOptions,
): Promise<ExecResult> {
  const hide = secretsToHide(secrets)
  const inside = launch(argv, {
    ...(env === undefined ? {} : { env }),
    ...(secrets === undefined ? {} : { secrets }),
    ...(stdin === undefined ? {} : { stdin }),
  })
  const result = await shell.exec(
    ['pct', 'exec', String(guest.vmid), '--keep-env', '0', '--', ...inside.argv],
    {
      ...options,
      ...(inside.stdin === undefined ? {} : { stdin: inside.stdin }),
      ...(onLine === undefined ? {} : { onLine: (line, stream) => onLine(redact(line, hide), stream) }),
    },
  )
  if (result.code !== 0) throwPctFailure(result, guest)
  const clean = (text: string) => redact(result.truncated ? withoutSecretEnd(text, hide) : text, hide)
  return { ...result, stdout: clean(result.stdout), stderr: clean(result.stderr) }
}

/** What pct says itself, before anything ran in the container (PVE::CLI::pct, PVE::LXC::Config). */
function throwPctFailure({ code, stderr, stdout }: ExecResult, guest: GuestRef): void {
  const said = stderr.trim()
  const data = { vmid: guest.vmid, node: guest.node, stderr: said }
  // pct says nothing on stdout and only one line: anything else is the command's own.
  if (stdout !== '' || said.includes('\n')) return
  if (/^(Error: )?container '\d+' not running!$/.test(said)) {
    throw new HomelabError('conflict', `${guest.name} (CT ${guest.vmid}) is not running`, {
      hint: `Start it first: start ${guest.name}`,
      data,
    })
  }
  if (/^Configuration file '\S*\/lxc\/\d+\.conf' does not exist$/.test(said)) {
    throw new HomelabError('not-found', `${guest.node} has no container ${guest.vmid}`, {
      hint: `${guest.name} was removed or moved to another node: list the guests again.`,
      data: { ...data, elsewhere: true },
    })
  }
  if (/^please run as root$/i.test(said)) {
    throw new HomelabError('unauthorised', `pct on ${guest.node} runs for root only`, {
      hint: 'Let SSH log in as root.',
      data,
    })
  }
  if (code === 127 && /\bpct\b.*not found/.test(said)) {
    throw new HomelabError('config', `${guest.node} has no pct: is it a Proxmox node?`, {
      hint: 'Look at its SSH host in homelab.yaml.',
      data,
    })
  }
}
