/** The plans of the example file, where the simulated lab has for real what they save. */
import type { Inventory } from '@homelab/core/inventory'
import { z } from 'zod'

/** The part of the simulator's ready line that is about it. */
export const RealPart = z.object({
  /** Folders of the simulated host → where they really are. */
  folders: z.record(z.string(), z.string()),
  repository: z.string(),
  /** A file. */
  password: z.string(),
  jobs: z.string(),
  staging: z.string(),
  postgres: z.object({ host: z.string(), port: z.int(), user: z.string() }),
  /** What to install so that all plans run. */
  missing: z.array(z.object({ what: z.string(), how: z.string() })),
})
export type RealPart = z.infer<typeof RealPart>

/** B2 is a folder here, and Apollo's a storage that the simulated Proxmox has. */
export function withRealBackups(inventory: Inventory, real: RealPart): Inventory {
  const moved = (path: string): string => real.folders[path] ?? path
  return {
    ...inventory,
    ssh: inventory.ssh.map((host) => ({ ...host, jobs: real.jobs })),
    storages: inventory.storages.map(({ layout, ...storage }) =>
      layout === undefined
        ? storage
        : { ...storage, layout: layout.map((entry) => ({ ...entry, path: moved(entry.path) })) },
    ),
    repositories: inventory.repositories.map(({ storage, restic, env: _, recovery: __, ...repository }) =>
      restic === undefined
        ? { ...repository, ...(storage === undefined ? {} : { storage: 'local' }) }
        : {
            ...repository,
            title: `${repository.title ?? repository.name} as a folder`,
            restic: real.repository,
            password: { from: 'file' as const, name: real.password },
          },
    ),
    backups: inventory.backups.map((original) => {
      const lacks = real.missing.filter(({ what }) => what !== 'PostgreSQL' || original.method === 'pg_dump')
      // Where it is looked for first: a plan that cannot run here is nobody's mistake.
      const title = `${original.title ?? original.name} (needs ${lacks.map(({ what }) => what).join(' and ')} on this machine)`
      const plan = lacks.length === 0 ? original : { ...original, title }
      if (plan.method === 'restic') return { ...plan, paths: plan.paths.map(moved) }
      if (plan.method === 'pg_dump') return { ...plan, ...real.postgres, staging: real.staging }
      return plan
    }),
  }
}

/** For who starts it: whether the plans run, or what to install first. */
export function backupsText(real: RealPart | undefined): string | undefined {
  if (real === undefined) return undefined
  if (real.missing.length === 0)
    return 'Only its backups are real: of a few files and a database that were made for them. Try: /homelab backup run photos'
  const missing = real.missing.map(({ what, how }) => `${what} (${how})`).join(', ')
  return `Its backups would be real, but on this machine there is no ${missing}.`
}
