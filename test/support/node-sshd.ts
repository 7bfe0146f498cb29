/** The simulated node behind a stock sshd: its host keys, shells and signals are real, and so is one of its containers. */
import type { Lab } from './simulator.ts'
import { type Sshd, startSshd } from './sshd.ts'

export interface NodeSshd extends Sshd {
  /** Of `proxmox.ssh` in homelab.yaml. */
  readonly yaml: string
}

export interface NodeSshdOptions {
  /** VMID of the container that is this machine itself: its files and programs, with a cleared environment. */
  readonly machine: number
  /** Folder of programs that go before the machine's there. */
  readonly bin: string
}

/** Commands run in a real login shell, among the simulator's programs; a `pct` of its own leads into the one container. */
export async function startNodeSshd(
  { ssh: { env } }: Lab,
  { machine, bin }: NodeSshdOptions,
): Promise<NodeSshd> {
  const sshd = await startSshd({ hostKeys: ['ed25519'], env: { ...env, HOMELAB_NODE: 'pve' } })
  sshd.program(
    'pct',
    `#!/bin/sh
[ "$1 $2" = 'exec ${machine}' ] || exec '${env.PATH}/pct' "$@"
shift 2
while :; do
  case $1 in
    --keep-env) shift 2 ;;
    --) shift; break ;;
    *) break ;;
  esac
done
exec env -i PATH='${bin}:/usr/local/bin:/usr/bin:/bin' container=lxc "$@"
`,
  )
  const { host, port, user, hostKey } = sshd.host
  const fingerprint = 'fingerprint' in hostKey ? hostKey.fingerprint : ''
  return {
    ...sshd,
    yaml: `{ host: ${host}, port: ${port}, user: ${user}, key: "file:${sshd.dir}/client", fingerprint: "${fingerprint}" }`,
    [Symbol.asyncDispose]: () => sshd[Symbol.asyncDispose](),
  }
}
