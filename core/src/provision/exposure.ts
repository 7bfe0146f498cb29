/** Whether the new service can be reached from outside, and under which name. Only reads. */
import { HomelabError } from '../errors.ts'
import type { Target } from '../inventory/types.ts'
import { assertTunnel, recordFor } from '../tunnel/checks.ts'
import { videoWarning } from '../tunnel/marks.ts'
import { concerns, meaningOf, type Wanted } from '../tunnel/wanted.ts'
import { tunnelOf } from '../tunnel/where.ts'
import type { Blueprint } from './blueprint.ts'
import type { ProvisionServices } from './types.ts'

export const wantedExposure = (name: string, { expose }: Pick<Blueprint, 'expose'>): Wanted => ({
  service: name,
  hostname: expose?.hostname,
  public: expose?.public === true ? true : undefined,
  down: false,
})

/** @throws HomelabError `conflict` when the name is somebody else's, `config` for what homelab.yaml has to say first */
export async function exposureFor(
  target: Target,
  blueprint: Blueprint,
  { network }: ProvisionServices,
  signal: AbortSignal,
): Promise<{ readonly hostname: string | null; readonly warnings: readonly string[] }> {
  if (blueprint.expose === undefined) return { hostname: null, warnings: [] }
  if (network === undefined)
    return {
      hostname: null,
      warnings: ['It is not exposed: homelab.yaml has no `network` to do it by (docs/tunnel.md).'],
    }
  const settings = network.settings()
  const wanted = wantedExposure(target.name, blueprint)
  const meaning = meaningOf(wanted, target, settings)
  const [tunnel, zone] = await Promise.all([
    tunnelOf(network, signal),
    network.recent.zone(meaning.hostname, signal),
  ])
  assertTunnel(tunnel, settings, wanted)
  const records = await network.recent.dnsRecords(zone.id, { name: meaning.hostname }, signal)
  const record = recordFor(records, meaning.hostname, tunnel, false)
  const of = /^homelab: (\S+)/.exec(record?.comment ?? '')?.[1]
  if (of !== undefined && of.toLowerCase() !== target.name)
    throw new HomelabError('conflict', `${meaning.hostname} leads to ${of} already.`, {
      hint: `\`tunnel unexpose ${meaning.hostname}\` first, or \`expose:false\`.`,
      data: { hostname: meaning.hostname },
    })
  return {
    hostname: meaning.hostname,
    warnings: concerns(meaning, videoWarning(meaning.title, meaning.mark)),
  }
}
