/** Services that are made and taken away, on the simulated lab with its own homelab.yaml. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '@homelab/core'
import { createSecrets, createSsh, openInventory } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { expect } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { secretsOf } from '../../bot/src/lab/simulated.ts'
import { createPve } from '../support/pve.ts'
import type { Simulator } from '../support/simulator.ts'

/** Small ones, so that a test need not wait for what the real ones install. */
export const blueprints: Readonly<Record<string, string>> = {
  jellyfin: `title: Jellyfin
stack: media
create: { by: template, template: debian-12 }
cores: 2
memory: 1024
disk: 8
mounts:
  - { source: /Apollo/Media, target: /media, owner: { uid: 1000, gid: 1000 } }
gpu: dri
install:
  - run: [apt-get, install, -y, jellyfin]
  - { file: /etc/jellyfin.env, text: "URL={url}", mode: '0600' }
unit: jellyfin
port: 8096
start: 10
expose: { public: true }
`,
  old: `title: Old
stack: apps
create: { by: template, template: debian-9 }
`,
  asking: `title: Asking
stack: apps
create: { by: script, script: nextcloudpi }
`,
  privileged: `title: Privileged
stack: apps
create: { by: template, template: debian-12 }
unprivileged: false
features: nesting=1
`,
  cuda: `title: Cuda
stack: apps
create: { by: template, template: debian-12 }
gpu: nvidia
install:
  - { file: /etc/cuda.env, text: "" }
`,
  scripted: `title: Scripted
stack: media
create: { by: script, script: radarr }
gpu: dri
`,
  quiet: `title: Quiet
stack: apps
create: { by: template, template: debian-12 }
mounts: [{ source: /Apollo/Quiet, target: /data, owner: { uid: 1000, gid: 1000 } }]
port: 9
health: { http: { path: /, port: 9 } }
start: 5
expose: { public: true }
`,
  n8n: `title: n8n
stack: apps
create: { by: template, template: debian-12 }
database: { name: n8n, role: n8n }
install:
  - { file: /etc/n8n.env, text: "DB={database.url}", mode: '0600' }
unit: n8n
port: 5678
start: 10
needs: [postgresql]
`,
}

/** The lab's file, with comments that must stay. */
export function fileText({ lab }: Simulator, more = ''): string {
  const { cloudflare, traefik, ssh, services } = lab
  const of = (name: string) => {
    const at = services[name]
    return at === undefined ? '' : `, address: ${at.host}, port: ${at.port}`
  }
  return `# The lab of a test.
name: test lab
proxmox:
  endpoints: ${lab.pve}
  token: { id: "${lab.token.id}", secret: env:SIMULATED_TOKEN }
  fingerprint: "${lab.fingerprint}"
  ssh:
    pve: { host: ${ssh.host}, port: ${ssh.port}, user: ${ssh.user}, key: env:SIMULATED_KEY, fingerprint: "${ssh.hostKey}" }
services:
  # The core of it.
  traefik: { guest: 101${of('traefik')} }
  postgresql: { guest: 102${of('postgresql')} }
  redis: { guest: 103${of('redis')} }
  cloudflared: { guest: 104 }
  plex: { guest: 110, aliases: [telly], needs: [redis]${of('plex')} } # the family's
storages:
  tesla: { storage: tesla }
repositories:
  local: { storage: local }
backups:
  core: { method: vzdump, guests: ['@core'], to: [local], schedule: weekly, retention: { weekly: 2 } }
network:
  domain: ${cloudflare.domain}
  tunnel:
    api: ${cloudflare.api}
    edge: ${cloudflare.edge}
    account: ${cloudflare.account}
    id: ${cloudflare.tunnel}
    token: env:SIMULATED_CLOUDFLARE
    origin: http://192.168.1.101:80
  traefik:
    service: traefik
    directory: ${traefik.directory}
    api: ${traefik.api}
    entry_points: [web]
    probe: ${traefik.web}
  access: { team: ${cloudflare.team}, allow: [{ email: harmeet@harmeetrai.com }] }
  routes:
    plex.${cloudflare.domain}: { service: plex, public: true }
${more}`
}

export interface ProvisionLab extends AsyncDisposable {
  readonly simulator: Simulator
  readonly path: string
  /** Types a command and waits for its end; `confirmed` answers yes beforehand. */
  readonly type: (text: string, confirmed?: boolean) => Promise<Posted>
  readonly desk: InlineDesk
  readonly text: () => Promise<string>
  readonly guestNamed: (
    name: string,
  ) => Promise<{ readonly vmid: number; readonly state: string } | undefined>
  /** What a shell of root on the node says. */
  readonly onNode: (script: string) => Promise<string>
  readonly config: (vmid: number) => Promise<Readonly<Record<string, unknown>>>
}

/** @param change of its homelab.yaml, before it is read */
export async function openProvisionLab(
  simulator: Simulator,
  more = '',
  change: (text: string) => string = (same) => same,
): Promise<ProvisionLab> {
  const folder = await mkdtemp(join(tmpdir(), 'homelab-provision-'))
  const path = join(folder, 'homelab.yaml')
  const own = join(folder, 'blueprints')
  await mkdir(own)
  for (const [name, text] of Object.entries(blueprints)) await writeFile(join(own, `${name}.yaml`), text)
  await writeFile(path, `${change(fileText(simulator, more))}blueprints: ${own}\n`)
  const file = await openInventory(path, { mustExist: true, operations })
  const desk = await inlineDesk({
    inventory: file.current,
    file,
    secrets: createSecrets({ env: secretsOf(simulator.lab) }),
    stateDir: folder,
    label: 'test lab',
  })
  return {
    simulator,
    path,
    desk,
    type: async (text, confirmed = true) =>
      desk.desk.settled(desk.submit(text, confirmed).id, { asking: true }),
    text: () => readFile(path, 'utf8'),
    guestNamed: async (name) => (await simulator.state()).guests.find((each) => each.name === name),
    onNode: async (script) => {
      const { ssh } = simulator.lab
      const { host, port, user, hostKey } = ssh
      const auth = { privateKey: new Secret(ssh.privateKey) }
      const shells = createSsh({
        hosts: { pve: { host, port, user, auth, hostKey: { fingerprint: hostKey } } },
      })
      try {
        return (await shells.shell('pve').exec(['sh', '-c', script])).stdout
      } finally {
        shells.close()
      }
    },
    config: async (vmid) =>
      (await createPve(simulator.lab).get(`/nodes/pve/lxc/${vmid}/config`)).data as Record<string, unknown>,
    async [Symbol.asyncDispose]() {
      await desk[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

export const output = <T>(posted: Posted): T => {
  expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
  return posted.output as T
}
export const words = ({ card }: Posted): string => JSON.stringify(card)
