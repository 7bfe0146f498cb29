import { HomelabError, isHomelabError } from '../../errors.ts'
import { templateTarget } from '../../inventory/template.ts'
import type { Lab, Target } from '../../inventory/types.ts'

/** The one guest that a name stands for. @throws HomelabError `usage` for a selector that names several */
export async function one(lab: Lab, name: string, signal: AbortSignal): Promise<Target> {
  const targets = await lab.resolve([name], { signal })
  const [target] = targets
  if (target === undefined || targets.length > 1) {
    throw new HomelabError('usage', `"${name}" names ${targets.length} guests; this takes one.`, {
      hint: `Name one of ${targets
        .slice(0, 5)
        .map((each) => each.name)
        .join(', ')}.`,
    })
  }
  return target
}

/** The same, or a template: that never runs, but it can be cloned, changed and deleted. */
export const oneOrTemplate = async (lab: Lab, name: string, signal: AbortSignal): Promise<Target> =>
  (await templateTarget(lab, name, signal)) ?? (await one(lab, name, signal))

/**
 * The same, or the VMID of a guest that is gone. Looked up freshly: what is remembered of the lab may be a guest that
 * somebody has just deleted.
 */
export async function oneOrGone(lab: Lab, name: string, signal: AbortSignal): Promise<Target | number> {
  await lab.overview({ fresh: true, signal })
  try {
    return await one(lab, name, signal)
  } catch (error) {
    if (!isHomelabError(error) || error.code !== 'not-found') throw error
    if (/^[1-9]\d{2,8}$/.test(name.trim())) return Number(name)
    throw new HomelabError('not-found', error.message, {
      hint: 'One that is gone goes by its VMID, which `guest archives` shows.',
      ...(error.data === undefined ? {} : { data: error.data }),
      cause: error,
    })
  }
}
