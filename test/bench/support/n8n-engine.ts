/** n8n's engine as the benches want it: our package packed and installed, workflows timed inside of it. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  installTarball,
  type NodeSpec,
  packageName,
  packPackage,
  startHost,
  workflowOf,
} from '../../e2e/support/n8n/harness.ts'
import type { Lab } from '../../support/simulator.ts'

/** Where the end-to-end suite installs the whole of n8n, of which its own nodes are a part. */
const whole = fileURLToPath(new URL('../../../.runtime/n8n/', import.meta.url))
/** Without it there is the engine alone, and nothing to compare with. */
export const hasOwnNodes = existsSync(join(whole, 'node_modules', 'n8n-nodes-base', 'package.json'))

export interface Installed extends Disposable {
  readonly folder: string
  readonly packedBytes: number
}

/** Built, packed, and installed as n8n does it, in a folder that goes with it. */
export function installNodes(): Installed {
  const dir = mkdtempSync(join(tmpdir(), 'homelab-bench-'))
  const tarball = packPackage(dir)
  installTarball(dir, tarball)
  return {
    folder: join(dir, 'node_modules', packageName),
    packedBytes: statSync(tarball).size,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

export interface Timed {
  /** By the clock, of each round. */
  readonly ms: readonly number[]
  /** Processor time of n8n's process, of each round. */
  readonly cpuMs: readonly number[]
  /** Of the last node. */
  readonly items: number
}

interface Pages {
  readonly entries: number
  readonly ms: number
}

export interface Engine extends AsyncDisposable {
  /** What it took to load the package, in a process in which n8n's engine is loaded. */
  loadMs(): Promise<number>
  /** Runs the workflows alternately. @throws when one of them fails */
  inTurn(workflows: readonly (readonly NodeSpec[])[], rounds: number): Promise<readonly Timed[]>
  /** Scrolls a list in the editor to its end. */
  pages(node: NodeSpec, method: string): Promise<Pages>
  /** Bytes, after everything that is not used any more was thrown away. */
  heap(): Promise<number>
}

export async function startEngine({ folder }: Installed): Promise<Engine> {
  const { call, [Symbol.asyncDispose]: end } = await startHost(folder, {
    script: new URL('./n8n-host.mjs', import.meta.url),
    ...(hasOwnNodes ? { n8nFolder: whole } : {}),
  })
  return {
    loadMs: async () => (await call('loadMs', {})) as number,
    inTurn: async (workflows, rounds) =>
      (await call('inTurn', { runs: workflows.map(workflowOf), rounds })) as readonly Timed[],
    pages: async (node, method) =>
      (await call('pages', { ...workflowOf([node]), node: node.name, method })) as Pages,
    heap: async () => (await call('heap', {})) as number,
    [Symbol.asyncDispose]: end,
  }
}

const credentials = ({ pve, token, ca }: Lab) => ({
  proxmoxVeApi: {
    url: pve,
    tokenId: token.id,
    tokenSecret: token.secret,
    ca,
    ignoreSslIssues: false,
  },
})

/** Our node, on guests when nothing else is said. */
export const proxmoxVe = (lab: Lab, parameters: Readonly<Record<string, unknown>>): NodeSpec => ({
  name: 'Proxmox VE',
  type: `${packageName}.proxmoxVe`,
  parameters: { resource: 'guest', ...parameters },
  credentials: credentials(lab),
})

/** n8n's own node with the same credential: what one uses where there is no node for a service. */
export const httpRequest = (lab: Lab, path: string): NodeSpec => ({
  name: 'HTTP Request',
  type: 'n8n-nodes-base.httpRequest',
  typeVersion: 4.3,
  parameters: {
    url: `${lab.pve}/api2/json${path}`,
    authentication: 'predefinedCredentialType',
    nodeCredentialType: 'proxmoxVeApi',
  },
  credentials: credentials(lab),
})

/** Its answer is one item with a list in it: this makes an item of each record. */
export const splitOut: NodeSpec = {
  name: 'Split Out',
  type: 'n8n-nodes-base.splitOut',
  parameters: { fieldToSplitOut: 'data' },
}
