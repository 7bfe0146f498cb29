/** A lab for the bot and the CLI to work on: the example file over a running simulator. */
import type { Inventory } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import { inventoryOf, secretsOf } from '../../bot/src/lab/simulated.ts'
import type { Source } from '../../bot/src/settings.ts'
import type { Simulator } from './simulator.ts'

export async function sourceOf(
  simulator: Simulator,
  options: { readonly stateDir?: string; readonly change?: (inventory: Inventory) => Inventory } = {},
): Promise<Source> {
  const inventory = (options.change ?? ((same) => same))(await inventoryOf(simulator.lab))
  return {
    inventory: () => inventory,
    secrets: createSecrets({ env: secretsOf(simulator.lab) }),
    stateDir: options.stateDir ?? '',
    label: 'test lab',
  }
}

/** What is left with nothing but a token. */
export const withoutFile = (inventory: Inventory): Inventory => ({
  ...inventory,
  services: [],
  storages: [],
  ssh: [],
  confirm: [],
})
