/** Some people and some guests for tests of the rights: the real operations, asked as the desk asks. */
import { HomelabError } from '../errors.ts'
import { guest, overviewOf } from '../inventory/fixture.ts'
import { createLab, parseInventory } from '../inventory/index.ts'
import { parseCommand } from '../operation/grammar.ts'
import { createRegistry } from '../operation/registry.ts'
import type { Caller, Grant } from '../operation/services.ts'
import { namedIn, targetsOf } from '../operation/targets.ts'
import type { Role } from '../operation/types.ts'
import { operations } from '../operations/index.ts'
import { createRights } from './index.ts'

export const registry = createRegistry(operations)
const people = `
services:
  plex: { guest: 110, aliases: [films] }
  jellyfin: { guest: 111 }
  postgresql: { guest: 101, role: admin }
  radarr: { guest: docker }
  sonarr: { guest: docker }
people:
  harmeet: { role: admin, discord: '80351110224678912', slack: U024BE7LH }
  partner: { role: operator, discord: '175928847299117063' }
  kid: { role: viewer, discord: '41771983423143936' }
`
const guests = [
  guest(101, 'db'),
  guest(110, 'plex'),
  guest(111, 'ct-jelly'),
  guest(200, 'docker'),
  guest(130, 'windows', { type: 'qemu' }),
]

const person = (name: string, role: Role, id: string): Caller => ({
  id: `discord:${id}`,
  name,
  role,
  surface: 'chat',
  person: name,
})
export const harmeet = person('harmeet', 'admin', '80351110224678912')
export const partner = person('partner', 'operator', '175928847299117063')
export const kid = person('kid', 'viewer', '41771983423143936')
/** In no file. */
export const stranger: Caller = {
  id: 'discord:99999999999999999',
  name: 'Eve',
  role: 'nobody',
  surface: 'chat',
}

export const grantOf = (operation: string, services: readonly string[], to = kid.id): Grant => ({
  id: 'gaaaaa',
  to,
  name: 'kid',
  operation,
  services,
  until: '2026-11-25T20:00:00.000Z',
  at: '2026-11-25T18:00:00.000Z',
  by: { id: harmeet.id, name: 'harmeet' },
})

export function setUp(more = '', grants: readonly Grant[] = []) {
  const state = { text: people + more, grants }
  let parsed = { text: '', inventory: parseInventory('') }
  const inventory = () => {
    if (parsed.text !== state.text)
      parsed = { text: state.text, inventory: parseInventory(state.text, { operations }) }
    return parsed.inventory
  }
  const lab = createLab({
    inventory,
    proxmox: { overview: async () => overviewOf(guests) },
    clock: { monotonic: () => 0 },
  })
  const rights = createRights({ inventory, grants: () => state.grants })
  const read = (line: string) => {
    const parsedLine = parseCommand(line, registry.all)
    if (parsedLine.kind !== 'command') throw new Error(`"${line}" is no command`)
    return parsedLine
  }
  /** As the desk does it: `yes`, or the refusal. */
  async function may(who: Caller, line: string): Promise<'yes' | HomelabError> {
    const { operation, input } = read(line)
    try {
      rights.permit(operation, who, undefined, namedIn(operation, input))
      if (rights.dependsOnTargets(operation, who)) {
        rights.permit(operation, who, await targetsOf(operation, input, lab, AbortSignal.timeout(5000)))
      }
      return 'yes'
    } catch (error) {
      if (error instanceof HomelabError && error.code === 'denied') return error
      throw error
    }
  }
  const refusal = async (who: Caller, line: string): Promise<HomelabError> => {
    const answer = await may(who, line)
    if (answer === 'yes') throw new Error(`${who.name} may "${line}"`)
    return answer
  }
  return { state, rights, may, refusal, lab, inventory, read }
}
