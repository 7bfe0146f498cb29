/** What a person chose in a trigger. */
import type { Guest } from '@homelab/core/proxmox'
import type { IDataObject, IPollFunctions } from 'n8n-workflow'
import type { Threshold } from './storages.ts'
import type { EventName, TriggerEvent } from './types.ts'

export interface Settings {
  wants(event: EventName): boolean
  /** Whether an event passes the filters. */
  concerns(event: TriggerEvent): boolean
  hasGuest(guest: Pick<Guest, 'vmid' | 'name'>): boolean
  readonly threshold: Threshold
  /** Both in seconds. */
  readonly backups: { readonly maxAge: number; readonly every: number }
  readonly taskLog: boolean
}

/** @param ownUser the API token's own id: what it starts itself can be left out */
export function settingsOf(context: Pick<IPollFunctions, 'getNodeParameter'>, ownUser: string): Settings {
  const parameter = (name: string, fallback: unknown) => context.getNodeParameter(name, fallback)
  const events = parameter('events', []) as readonly EventName[]
  const options = parameter('options', {}) as IDataObject
  const guests = words(options.guests)
  const storages = words(options.storages)
  const types = words(options.taskTypes)
  const states = (options.states ?? []) as readonly string[]

  const hasGuest: Settings['hasGuest'] = ({ vmid, name }) =>
    guests.length === 0 || guests.includes(String(vmid)) || guests.includes(name.toLowerCase())
  const concernsTask = (event: TriggerEvent) =>
    (types.length === 0 || types.includes(String(event.type).toLowerCase())) &&
    hasGuest({ vmid: Number(event.vmid), name: String(event.name ?? '') }) &&
    !(options.ignoreOwn === true && event.user === ownUser)

  return {
    wants: (event) => events.includes(event),
    hasGuest,
    concerns(event) {
      if (!events.includes(event.event)) return false
      switch (event.event) {
        case 'guestStateChanged':
          return (
            hasGuest({ vmid: Number(event.vmid), name: String(event.name) }) &&
            (states.length === 0 || states.includes(String(event.to)))
          )
        case 'taskFinished':
        case 'taskFailed':
          return concernsTask(event)
        case 'storageOverThreshold':
          return storages.length === 0 || storages.includes(String(event.storage).toLowerCase())
        case 'backupStale':
          return true
      }
    },
    threshold: {
      percent: number(parameter('threshold', 85), 85),
      hysteresis: number(options.hysteresis, 5),
    },
    backups: {
      maxAge: number(parameter('maxAgeHours', 26), 26) * 3600,
      every: number(options.backupInterval, 60) * 60,
    },
    taskLog: options.taskLog !== false,
  }
}

const number = (value: unknown, fallback: number): number => {
  const given = Number(value ?? fallback)
  return Number.isFinite(given) ? given : fallback
}

/** `110, plex` → `['110', 'plex']` */
export const words = (value: unknown): readonly string[] =>
  String(value ?? '')
    .split(',')
    .map((word) => word.trim().toLowerCase())
    .filter((word) => word !== '')
