/** What must not write while it is saved: stopped before, and going again in the end, whatever happens. */
import { HomelabError } from '../errors.ts'
import type { JobSpec } from './job/types.ts'
import type { Machine, PlanServices, ResticPlan } from './plan.ts'

/**
 * Proxmox keeps a guest's lock for a moment after it has stopped: it is tried again. One that runs may still be on its way
 * down, when its shutdown took longer than was waited for: it must run for a while.
 */
const startAgain =
  '# pct start\nfor try in 1 2 3 4 5; do pct start "$1" && exit 0; if pct status "$1" | grep -q running; then sleep 5; pct status "$1" | grep -q running && exit 0; fi; sleep "$((try * 3))"; done; exit 1'

/** Where the community's script installs it, and Debian's user of web servers. */
const occ = [
  'setpriv',
  '--reuid',
  'www-data',
  '--regid',
  'www-data',
  '--init-groups',
  'php',
  '/var/www/nextcloud/occ',
]

/**
 * The job itself does it, so that the guests run again although the bot is gone. Only what runs now is stopped.
 * @throws HomelabError `config` for a plan that runs inside a container, which cannot stop another one
 */
export async function pauseOf(
  plan: Pick<ResticPlan, 'pause'> & { readonly name: string },
  { lab }: Pick<PlanServices, 'lab'>,
  machine: Machine,
  signal: AbortSignal,
): Promise<Pick<JobSpec, 'before' | 'after'>> {
  const { pause } = plan
  if (pause === undefined || (pause.guests.length === 0 && pause.nextcloud === undefined))
    return { before: [], after: [] }
  if (machine.guest !== undefined)
    throw new HomelabError(
      'config',
      `The plan ${plan.name} runs inside ${machine.name}, which cannot pause guests.`,
      {
        hint: 'Have it run on the node (`node:`), or use `before` and `after` for what is inside.',
      },
    )
  const before: (readonly string[])[] = []
  const after: (readonly string[])[] = []
  const guests = pause.guests.length === 0 ? [] : await lab.resolve(pause.guests, { fresh: true, signal })
  for (const { guest, name } of guests) {
    if (guest.type !== 'lxc')
      throw new HomelabError(
        'config',
        `${name} is a virtual machine: only containers are stopped for a backup.`,
      )
    if (guest.status !== 'running') continue
    before.push(['pct', 'shutdown', String(guest.vmid), '--timeout', '180'])
    after.unshift(['sh', '-c', startAgain, 'homelab', String(guest.vmid)])
  }
  if (pause.nextcloud !== undefined) {
    const [target] = await lab.resolve([pause.nextcloud], { signal })
    const inside = [
      'pct',
      'exec',
      String(target?.guest.vmid),
      '--keep-env',
      '0',
      '--',
      ...occ,
      'maintenance:mode',
    ]
    before.push([...inside, '--on'])
    after.unshift([...inside, '--off'])
  }
  return { before, after }
}
