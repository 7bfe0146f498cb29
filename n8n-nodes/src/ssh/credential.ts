/** The SSH host credential, and its Shell inside a container when it says so. */
import { HomelabError, type Shells } from '@homelab/core'
import type { GuestRef } from '@homelab/core/proxmox'
import { createShells } from '@homelab/core/shell'
import type { IExecuteFunctions, SSHCredentials } from 'n8n-workflow'
import { createSshShell, type SshContext } from './shell.ts'

/** The fields of the SSH host credential. */
export interface SshCredential {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly authenticateWith: 'privateKey' | 'password'
  readonly privateKey?: string
  readonly passphrase?: string
  readonly password?: string
  readonly hostKey?: string
  readonly node?: string
  readonly container?: string
  readonly jobs?: string
  /** Guests in which any command may run, with commas between them. */
  readonly exec?: string
}

export const sshCredentialType = 'sshHostApi'

export const sshCredential = (
  context: Pick<IExecuteFunctions, 'getCredentials'>,
  item: number,
): Promise<SshCredential> => context.getCredentials<SshCredential & object>(sshCredentialType, item)

/** As n8n's own client wants it. @throws HomelabError `config` for what is missing */
export function loginOf(credential: SshCredential): SSHCredentials {
  const missing = (what: string) =>
    new HomelabError('config', `The SSH credential has no ${what}`, { hint: 'Fill it in there.' })
  const host = credential.host.trim()
  if (host === '') throw missing('host')
  const common = { sshHost: host, sshPort: Number(credential.port), sshUser: credential.user.trim() }
  if (credential.authenticateWith === 'password') {
    if ((credential.password ?? '') === '') throw missing('password')
    return { ...common, sshAuthenticateWith: 'password', sshPassword: credential.password ?? '' }
  }
  if ((credential.privateKey ?? '').trim() === '') throw missing('private key')
  return {
    ...common,
    sshAuthenticateWith: 'privateKey',
    privateKey: keyText(credential.privateKey ?? ''),
    ...((credential.passphrase ?? '') === '' ? {} : { passphrase: credential.passphrase ?? '' }),
  }
}

/** n8n's password fields hold one line: a key that was pasted has spaces where its lines ended. */
export function keyText(pasted: string): string {
  const [, begin = '', body = '', end = ''] =
    /(-----BEGIN [A-Z ]+-----)([\s\S]*)(-----END [A-Z ]+-----)/.exec(pasted) ?? []
  if (begin === '' || body.trim().includes('\n')) return `${pasted.trim()}\n`
  return [begin, ...body.trim().split(/\s+/), end, ''].join('\n')
}

/** Names as restic keeps them for ever, and as homelab.yaml has nodes. */
export const nodeNameOf = ({ node = '', host }: SshCredential): string => {
  const name = (node.trim() || host.trim()).replace(/[^A-Za-z0-9-]+/g, '-').replace(/^-+|-+$/g, '')
  return name === '' ? 'host' : name
}

/** @throws HomelabError `config` for what is no VMID */
export function containerOf(credential: SshCredential): GuestRef | undefined {
  const text = String(credential.container ?? '').trim()
  if (text === '') return undefined
  if (!/^[1-9]\d{2,8}$/.test(text)) {
    throw new HomelabError('config', `"Container" of the SSH credential is "${text}", which is no VMID`)
  }
  const vmid = Number(text)
  return { vmid, type: 'lxc', node: nodeNameOf(credential), name: `container ${vmid}` }
}

export interface Commands {
  readonly shells: Shells
  /** Guests in which any command may run. */
  readonly exec: readonly string[]
}

/** For a node in which only some operations run commands. @returns undefined where no credential was chosen */
export async function commandsOf(
  context: Pick<IExecuteFunctions, 'getCredentials' | 'getNode' | 'helpers'>,
): Promise<Commands | undefined> {
  if (context.getNode().credentials?.[sshCredentialType] === undefined) return undefined
  const credential = await sshCredential(context, 0)
  const exec = (credential.exec ?? '').split(/[\s,;]+/).filter((name) => name !== '')
  return { shells: sshShells(context, credential), exec }
}

/** The credential leads to one host: to the node of its name, or to whichever is asked for when it has none. */
export function sshShells(context: SshContext, credential: SshCredential): Shells {
  const shell = createSshShell(context, credential)
  const named = (credential.node ?? '').trim() !== ''
  return createShells({
    shell: () => shell,
    has: (node) => !named || node === nodeNameOf(credential),
  })
}
