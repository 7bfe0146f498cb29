/** The rules of the tunnel, wherever they are kept: at Cloudflare, or in the config.yml of its connectors. */
import { createAlone } from '../alone.ts'
import {
  catchAll,
  editIngress,
  equal,
  type IngressRule,
  isCatchAll,
  type Judge,
  ruleKey,
  swallows,
  withCatchAll,
  withRule,
} from '../cloudflare/index.ts'
import { HomelabError } from '../errors.ts'
import type { TunnelSettings } from '../inventory/network-schema.ts'
import type { Needed } from '../operation/types.ts'
import { asBefore, editFile, readConfig, rulesOfFile, writeConfig } from './config-file.ts'
import { type ConnectorPlace, connectorPlaces, restartConnector } from './connector.ts'

export interface Ingress {
  readonly kept: 'cloudflare' | 'file'
  /** What people notice while it is changed; undefined: nothing. */
  outage(signal?: AbortSignal): Promise<string | undefined>
  /** Those of any place where they are kept: what is to be gone is gone when none has it. */
  read(signal?: AbortSignal): Promise<readonly IngressRule[]>
  /** Only those that are the same in all places: what is to be there is there when each has it. */
  everywhere(signal?: AbortSignal): Promise<readonly IngressRule[]>
  /** As `read`, maybe some seconds old. */
  recent(signal?: AbortSignal): Promise<readonly IngressRule[]>
  /** Rules that some of the places lack, as after an edit that was cut off between two of them. */
  uneven(signal?: AbortSignal): Promise<readonly UnevenRule[]>
  /**
   * @param edit pure; called again when the rules have changed meanwhile
   * @returns sentences about what another writer may have lost
   */
  edit(edit: Edit, log: (line: string) => void, signal?: AbortSignal): Promise<readonly string[]>
  /** The same sentences of an edit that ended in `unclear`, by what `read` has seen since. */
  alarms(): readonly string[]
  /** What makes the change count: for a file, a restart of each connector. May be done twice. */
  apply(signal?: AbortSignal): Promise<void>
  /**
   * As `edit` and `apply`, to take a change back: in every place that can be reached, also when another cannot.
   * @param restarted whether the change was applied already, or may have been: only then does taking it back need a restart,
   * also where the file is as before, as after a crash between the two
   * @throws the first error, after all places
   */
  takeBack(edit: Edit, log: (line: string) => void, restarted: boolean): Promise<readonly string[]>
}
export interface UnevenRule {
  readonly rule: IngressRule
  /** Names of the places without it. */
  readonly missing: readonly string[]
}
export type Edit = (rules: readonly IngressRule[]) => readonly IngressRule[]

type Services = Needed<readonly ['lab', 'shells', 'clock', 'network']>

/** Two of our own must not be each other's other writer: services may be made at the same time. */
const alone = createAlone()

/** @param tunnel its id */
export function ingressOf(tunnel: string, services: Services): Ingress {
  const settings = services.network.settings().tunnel
  const ingress =
    settings?.config === undefined
      ? atCloudflare(tunnel, services)
      : inFile(settings.config, settings, services)
  return {
    ...ingress,
    edit: (...args) => alone(tunnel, () => ingress.edit(...args)),
    takeBack: (...args) => alone(tunnel, () => ingress.takeBack(...args)),
  }
}

function atCloudflare(tunnel: string, { network, clock }: Services): Ingress {
  const { cloudflare, recent } = network
  let judge: Judge | undefined
  let alarms: readonly string[] = []
  const read = async (signal?: AbortSignal) => {
    const now = await cloudflare.configuration(tunnel, signal)
    const alarm = judge?.(now)
    alarms = alarm === undefined ? [] : [alarm.message]
    return now.rules
  }
  const write = async (
    configuration: typeof cloudflare.configuration,
    edit: Edit,
    log: (line: string) => void,
    signal?: AbortSignal,
  ): Promise<readonly string[]> => {
    judge = undefined
    alarms = []
    const { alarm } = await editIngress({
      cloudflare: {
        configuration,
        putConfiguration: (...args) => cloudflare.putConfiguration(...args),
      },
      tunnel,
      clock,
      edit,
      log,
      unseen: (later) => {
        judge = later
      },
      ...(signal === undefined ? {} : { signal }),
    })
    return alarm === undefined ? [] : [alarm.message]
  }
  return {
    kept: 'cloudflare',
    outage: async () => undefined,
    read,
    everywhere: read,
    uneven: async () => [],
    alarms: () => alarms,
    recent: async (signal) => (await recent.configuration(tunnel, signal)).rules,
    async edit(edit, log, signal) {
      let first = true
      // It is read twice before it is written, and the second look decides: the first may be the plan's own.
      const configuration: typeof cloudflare.configuration = (id, ended) => {
        const from = first ? recent : cloudflare
        first = false
        return from.configuration(id, ended)
      }
      return await write(configuration, edit, log, signal)
    },
    apply: async () => {},
    // What was remembered may be older than the change: with that, nothing would have to be taken back.
    takeBack: async (edit, log) => await write((...args) => cloudflare.configuration(...args), edit, log),
  }
}

function inFile(path: string, settings: TunnelSettings, services: Services): Ingress {
  const { clock } = services
  /** Found when they are needed: what a run that failed has to undo must not depend on it. @throws HomelabError `config` */
  const places = async (signal?: AbortSignal): Promise<readonly [ConnectorPlace, ...ConnectorPlace[]]> => {
    const [first, ...others] = await connectorPlaces(settings, services, signal)
    if (first !== undefined) return [first, ...others]
    throw new HomelabError('config', '`network.tunnel.service` names no guest that runs cloudflared.')
  }
  const readAll = async (signal?: AbortSignal): Promise<readonly PlaceRules[]> => {
    const all: PlaceRules[] = []
    for (const place of await places(signal))
      all.push({ name: place.name, rules: rulesOfFile(await readConfig(place, path, signal), path) })
    return all
  }
  const read = async (signal?: AbortSignal) => unionOf(await readAll(signal))
  const editAt = async (place: ConnectorPlace, edit: Edit): Promise<void> => {
    const before = await readConfig(place, path)
    const after = editFile(before, path, (rules) => withCatchAll(edit(rules)))
    if (after !== before) await writeConfig(place, path, before, await asBefore(place, path, after))
  }
  return {
    kept: 'file',
    async outage(signal) {
      const [first, ...others] = await places(signal)
      return others.length === 0
        ? `cloudflared in ${first.name} is restarted: everything behind the tunnel shows error 1033 for some seconds`
        : `cloudflared is restarted in ${others.length + 1} places, one after the other: requests under way are cut off`
    },
    async everywhere(signal) {
      const all = await readAll(signal)
      return unionOf(all).filter((rule) => missingIn(all, rule).length === 0)
    },
    read,
    recent: read,
    async uneven(signal) {
      const all = await readAll(signal)
      return unionOf(all)
        .map((rule) => ({ rule, missing: missingIn(all, rule) }))
        .filter(({ missing }) => missing.length > 0)
    },
    alarms: () => [],
    async edit(edit) {
      for (const place of await places()) await editAt(place, edit)
      return []
    },
    async apply(signal) {
      for (const place of await places(signal)) await restartConnector(place, clock, signal)
    },
    async takeBack(edit, _log, restarted) {
      const errors: unknown[] = []
      for (const place of await places()) {
        try {
          await editAt(place, edit)
          if (restarted) await restartConnector(place, clock)
        } catch (error) {
          errors.push(error)
        }
      }
      if (errors.length > 0) throw errors[0]
      return []
    },
  }
}

interface PlaceRules {
  readonly name: string
  readonly rules: readonly IngressRule[]
}

const missingIn = (all: readonly PlaceRules[], rule: IngressRule): readonly string[] =>
  all.filter(({ rules }) => !rules.some((each) => equal(each, rule))).map(({ name }) => name)

/** Those of the first, and before its last one what only others have. */
function unionOf(all: readonly PlaceRules[]): readonly IngressRule[] {
  const rules = [...(all[0]?.rules ?? [])]
  const last = catchAll(rules) === undefined ? [] : rules.splice(-1)
  for (const rule of all.slice(1).flatMap((each) => each.rules))
    if (![...rules, ...last].some((each) => equal(each, rule))) rules.push(rule)
  return [...rules, ...last]
}

/** Puts exactly this rule where a request reaches it, over the one of its host name; no key of an old one stays in it. */
export function placed(rules: readonly IngressRule[], rule: IngressRule): readonly IngressRule[] {
  const key = ruleKey(rule)
  let put = false
  return withRule(rules, rule).rules.map((each) => {
    if (put || ruleKey(each) !== key) return each
    put = true
    return rule
  })
}

/** Behind the rule that takes all of its requests, as it was before it was `placed`. */
export function displaced(rules: readonly IngressRule[], rule: IngressRule): readonly IngressRule[] {
  const key = ruleKey(rule)
  const by = rules.findIndex((each) => !isCatchAll(each) && ruleKey(each) !== key && swallows(each, rule))
  const at = rules.indexOf(rule)
  return by < 0 || at < 0 || at > by ? rules : rules.toSpliced(by + 1, 0, rule).toSpliced(at, 1)
}
