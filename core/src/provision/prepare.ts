/** What root of the node does for the new container while it stands still: folders, mounts, numbers of users, devices. */

import type { Json } from '../operation/types.ts'
import { powerGuest } from '../operations/guest/power.ts'
import { featuresFor } from './features.ts'
import { targetOf } from './find.ts'
import {
  type AddedSubids,
  addDevices,
  addMounts,
  hostOwner,
  idmapFor,
  makeFolders,
  missingSubids,
  removeFolders,
  removeSubids,
  setFeatures,
  setIdmap,
} from './host.ts'
import { groupsIn, withGroups } from './wanted-host.ts'
import { again, type MadeWork, type Work } from './work.ts'

export interface HostTraces {
  subids: AddedSubids
}

/** Registered before the guest's own undo: what it uses goes after it. */
export function undoHost({ found, services, verbs }: Work): HostTraces {
  const traces: HostTraces = { subids: {} }
  if (found.from.blueprint.mounts.length === 0) return traces
  const shell = services.shells.host(found.node)
  verbs.undo('numbers of users', () => removeSubids(shell, traces.subids))
  // By what was missing at the first look: what a try that broke off has made counts as made by this run.
  verbs.undo('remove folders that are empty', async () => void (await removeFolders(found.absent, shell)))
  return traces
}

/** What the blueprint wants; nothing for a VM. */
export async function prepare(work: MadeWork, traces: HostTraces): Promise<void> {
  const { found, services, verbs, guest } = work
  const { mounts, gpu, unprivileged, create } = found.from.blueprint
  if (guest.type !== 'lxc') return
  const shell = services.shells.host(guest.node)
  const owners = mounts.flatMap(({ owner }) => (owner === undefined ? [] : [owner]))
  const lines = unprivileged ? idmapFor(owners) : []
  const { ssh: more } = featuresFor(found.from.blueprint)
  const { signal } = verbs
  // Which system a script installs is the script's choice: asked while it runs. Groups that a blueprint names stay.
  const devices =
    create.by === 'script' && typeof gpu === 'string'
      ? withGroups(
          found.devices,
          await verbs.step('groups', () => groupsIn(services.shells.guest(guest), signal)),
        )
      : found.devices
  // A script starts what it makes.
  if (create.by === 'script' && (lines.length > 0 || devices.length > 0 || more !== undefined)) {
    const request = { action: 'shutdown', wait: false, force: true, timeout: 60 } as const
    await powerGuest(targetOf(found.name, guest.vmid, found.from, guest.node), request, services, verbs)
  }
  if (mounts.length > 0) {
    const folders = mounts
      .filter(({ source }) => found.absent.includes(source))
      .map(({ source, owner }) => ({
        path: source,
        owner: hostOwner(owner ?? { uid: 0, gid: 0 }, lines, unprivileged),
      }))
    await again(work, 'folders', async () => [...(await makeFolders(folders, shell, { signal }))])
    // Before they are added: a try that breaks off has not said what it has done.
    traces.subids = (await again(work, 'numbers', async () => {
      return (await missingSubids(lines, shell, { signal })) as unknown as Json
    })) as unknown as AddedSubids
    await again(work, 'idmap', async () => {
      return (await setIdmap(guest, lines, shell, { signal })) as unknown as Json
    })
    verbs.report({ text: `Mounting ${mounts.map(({ source }) => source).join(', ')}` })
    await again(work, 'mounts', async () =>
      (await addMounts(guest, mounts, shell, { signal })).map(({ key }) => key),
    )
  }
  if (devices.length > 0)
    await again(work, 'devices', async () => ({
      ...(await addDevices(guest, devices, shell, { signal })),
    }))
  if (more !== undefined) await again(work, 'features', () => setFeatures(guest, more, shell, { signal }))
}
