/** Secrets of a lab over a Vault of the test's own, whose clock they share. */
import { HomelabError } from '@homelab/core'
import { parseInventory, type SecretRef } from '@homelab/core/inventory'
import { createSecrets, type Secrets } from '@homelab/core/node'
import { onTestFinished } from 'vitest'
import { type FakeVault, startVault } from '../support/vault.ts'

export const ref = (name: string): SecretRef => ({ from: 'vault', name })
export const proxmox = ref('secret/homelab/proxmox#token')
export const READ = 'GET secret/data/homelab/proxmox'
export const MINUTE = 60_000
export const DAY = 86_400_000

/** Ended with the test. */
export async function started(...options: Parameters<typeof startVault>): Promise<FakeVault> {
  const vault = await startVault(...options)
  onTestFinished(() => vault[Symbol.asyncDispose]())
  return vault
}

export interface Opened {
  readonly secrets: Secrets
  readonly env: Record<string, string>
  readonly warnings: string[]
}

/** @param section more lines of `vault`, as one writes them */
export function opened(vault: FakeVault, section: string, env: Record<string, string>): Opened {
  const settings = parseInventory(`vault: { url: "${vault.url}", ${section} }`).vault
  const secrets = createSecrets({
    env,
    vault: () => settings,
    vaultTime: { clock: vault.clock, after: vault.clock.after },
  })
  const warnings: string[] = []
  secrets.onWarning(({ why }) => warnings.push(why))
  return { secrets, env, warnings }
}

export const byToken = (vault: FakeVault, ...options: Parameters<FakeVault['token']>): Opened =>
  opened(vault, 'token: env:T', { T: vault.token(...options) })

export const byRole = (
  vault: FakeVault,
  role: Parameters<FakeVault['role']>[0],
  ...id: Parameters<FakeVault['secretId']>
): Opened =>
  opened(vault, `approle: { role_id: ${vault.role(role)}, secret_id: env:S }`, { S: vault.secretId(...id) })

export async function failureOf(promise: Promise<unknown>): Promise<HomelabError> {
  const error = await promise.then(
    () => new Error('it was resolved'),
    (reason: unknown) => reason,
  )
  if (error instanceof HomelabError) return error
  throw error
}

export const got = async ({ secrets }: Opened, what = proxmox): Promise<string> =>
  (await secrets.resolve(what)).reveal()
