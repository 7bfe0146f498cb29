/** What a RAID or a disk is to the watch. Pure. */
import type { NodeDisk } from '@homelab/core/proxmox'
import type { DiskState, RaidState } from '@homelab/core/storage'
import { raidProblems } from '@homelab/core/storage'
import type { Sight, Wrong } from './problems.ts'

/** Percent of its life that a disk has left when it is worth a warning. */
const WORN_PERCENT = 10

const show = (storage: string | undefined): Pick<Wrong, 'buttons'> =>
  storage === undefined
    ? {}
    : { buttons: [{ label: 'Storage', action: { kind: 'command', text: `storage show ${storage}` } }] }

export function raidSight(key: string, raid: RaidState, about: Wrong['about']): Sight {
  const { name, state, want, have, work } = raid
  const [worst] = raidProblems(raid)
  if (worst === undefined) return { key, is: 'fine', title: `RAID ${name} is whole again` }
  const text = raidProblems(raid)
    .map((problem) => `${problem.text}.`)
    .join(' ')
  const wrong = { kind: 'raid', text, about, ...show(about.storage) }
  const rebuilt = state === 'active' && work !== undefined && work.kind !== 'check'
  if (rebuilt) {
    const whole = want === have
    const left = work.left === undefined ? '' : ` About ${work.left.replace('min', ' min')} are left.`
    return {
      key,
      is: 'wrong',
      ...wrong,
      severity: whole ? 'info' : 'warning',
      title: `RAID ${name}: ${work.kind} at ${Math.floor(work.percent)} %`,
      text: `${text}${left}`,
      // Each tenth of the way is said.
      mark: `${work.kind} ${Math.floor(work.percent / 10)}`,
    }
  }
  return {
    key,
    is: 'wrong',
    ...wrong,
    severity: worst.severity === 'error' ? 'critical' : 'warning',
    title: worst.text,
    mark: text,
  }
}

export function diskSight(
  key: string,
  { disk, health, why = '', worn }: DiskState,
  about: Wrong['about'],
): Sight {
  const place = `${disk} on ${about.node}`
  if (health === 'asleep') return { key, is: 'unclear' }
  if (health === 'unseen')
    return { key, is: 'blind', title: `${place} cannot be looked at`, text: `${why}.`, about }
  return sightOf(key, place, health === 'failing', worn, about)
}

/** As Proxmox says it. */
export function nodeDiskSight(key: string, { disk, health, lifeLeft }: NodeDisk, node: string): Sight {
  const place = `${disk} on ${node}`
  const worn = lifeLeft !== undefined && lifeLeft <= WORN_PERCENT ? [`${lifeLeft} % of its life is left`] : []
  if (health === 'unknown' && worn.length === 0) return { key, is: 'unclear' }
  return sightOf(key, place, health === 'failing', worn, { node })
}

function sightOf(
  key: string,
  place: string,
  fails: boolean,
  worn: readonly string[],
  about: Wrong['about'],
): Sight {
  if (!fails && worn.length === 0) return { key, is: 'fine', title: `${place} is sound again` }
  return {
    key,
    is: 'wrong',
    kind: 'smart',
    severity: fails ? 'critical' : 'warning',
    title: fails ? `${place} is failing` : `${place} wears out: ${worn[0]}`,
    text: [
      fails ? 'SMART says that it is failing: replace it now.' : 'It passes its own test still.',
      ...(worn.length === 0 ? [] : [`It says: ${worn.join(', ')}.`]),
    ].join(' '),
    about,
    ...show(about.storage),
    mark: `${fails} ${worn.join()}`,
  }
}
