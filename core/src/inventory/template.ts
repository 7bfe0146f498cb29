/** Templates by name: `Lab.resolve` refuses them, because they never run. */
import type { Lab, Target } from './types.ts'

/** The template that a person named; undefined when the name is that of a service or of a guest that is none. */
export async function templateTarget(
  lab: Lab,
  name: string,
  signal?: AbortSignal,
): Promise<Target | undefined> {
  const wanted = name.trim().toLowerCase()
  if (lab.inventory.services.some((service) => service.name.toLowerCase() === wanted)) return undefined
  const { guests } = await lab.overview(signal === undefined ? {} : { signal })
  const fits = guests.filter((guest) => guest.name.toLowerCase() === wanted || String(guest.vmid) === wanted)
  const [template, ...others] = fits
  if (template?.template !== true || others.length > 0) return undefined
  return { name: template.name, guest: template, dependents: [] }
}
