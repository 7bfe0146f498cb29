/**
 * Editing the list of ingress rules, without a network. cloudflared takes the first rule that fits, so that order is meaning;
 * the last one must fit everything. Rules are raw: a key that is not known here stays.
 */
import type { Json } from '../operation/types.ts'
import type { IngressRule, RawObject } from './types.ts'
import { asciiName } from './zones.ts'

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

/** In the form of DNS; empty for a rule of all hostnames. */
export function hostnameOf(rule: IngressRule): string {
  const name = asciiName(textOf(rule.hostname))
  return name === '*' ? '' : name
}
export const pathOf = (rule: IngressRule): string => textOf(rule.path)
export const serviceOf = (rule: IngressRule): string => textOf(rule.service)

/** Two rules of one key are for the same requests: the second is never reached. */
export const ruleKey = (rule: IngressRule): string => `${hostnameOf(rule)} ${pathOf(rule)}`

/** For people: `jellyfin.example.com`, `example.com/api`, `everything else`. */
export const ruleName = (rule: IngressRule): string =>
  isCatchAll(rule) ? 'everything else' : `${hostnameOf(rule) || '*'}${pathOf(rule) && ` ${pathOf(rule)}`}`

export const isCatchAll = (rule: IngressRule): boolean => hostnameOf(rule) === '' && pathOf(rule) === ''

/** The last rule, when it fits everything, as it has to. */
export function catchAll(rules: readonly IngressRule[]): IngressRule | undefined {
  const last = rules.at(-1)
  return last !== undefined && isCatchAll(last) ? last : undefined
}

/** What cloudflared answers to the requests that no rule is for. */
export const NOTHING_HERE: IngressRule = { service: 'http_status:404' }

export const withCatchAll = (rules: readonly IngressRule[]): readonly IngressRule[] =>
  catchAll(rules) === undefined ? [...rules, NOTHING_HERE] : rules

/** The rule of exactly this hostname and path, the first when there are several. */
export const ruleOf = (
  rules: readonly IngressRule[],
  hostname: string,
  path = '',
): IngressRule | undefined => {
  const key = ruleKey({ hostname, path })
  return rules.find((rule) => !isCatchAll(rule) && ruleKey(rule) === key)
}

/** Whether every hostname of the second is one of the first: `*.a.b` fits `x.a.b` and `y.x.a.b`, and not `a.b`. */
function coversHostname(pattern: string, hostname: string): boolean {
  if (pattern === '' || pattern === hostname) return true
  return pattern.startsWith('*.') && hostname.endsWith(pattern.slice(1)) && hostname !== pattern
}

/** Whether no request would reach `rule` if it stood behind `earlier`. A path is a pattern: only an equal one is known to cover. */
export const swallows = (earlier: IngressRule, rule: IngressRule): boolean =>
  (pathOf(earlier) === '' || pathOf(earlier) === pathOf(rule)) &&
  coversHostname(hostnameOf(earlier), hostnameOf(rule))

/** Rules that no request reaches, each with the one in front that takes all of theirs. */
export function unreachable(
  rules: readonly IngressRule[],
): readonly { readonly rule: IngressRule; readonly by: IngressRule }[] {
  return rules.flatMap((rule, index) => {
    const by = rules.slice(0, index).find((earlier) => swallows(earlier, rule))
    return by === undefined ? [] : [{ rule, by }]
  })
}

/** Of one hostname and path, beyond the first. */
export const duplicates = (rules: readonly IngressRule[]): readonly IngressRule[] =>
  rules.filter((rule, index) => rules.findIndex((other) => ruleKey(other) === ruleKey(rule)) < index)

export interface Placed {
  readonly rules: readonly IngressRule[]
  /** What was there for this hostname and path. Its keys that ours does not name are kept. */
  readonly replaced?: IngressRule
  /** A wildcard that would have taken its requests: it was put before this one. */
  readonly before?: IngressRule
  /** Further rules of the same hostname and path, which no request reaches. They stay. */
  readonly duplicates: readonly IngressRule[]
}

export const isObject = (value: unknown): value is RawObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Ours over theirs; options of the origin are kept one by one. */
function merged(theirs: IngressRule, ours: IngressRule): IngressRule {
  const options =
    isObject(theirs.originRequest) && isObject(ours.originRequest)
      ? { originRequest: { ...theirs.originRequest, ...ours.originRequest } }
      : {}
  return { ...theirs, ...ours, ...options }
}

/**
 * Puts a rule in, or over the one of its hostname and path, where a request reaches it: before the first that would take
 * all of its requests, which at the latest is the one for everything else.
 */
export function withRule(rules: readonly IngressRule[], rule: IngressRule): Placed {
  const key = ruleKey(rule)
  const same = rules.filter((each) => !isCatchAll(each) && ruleKey(each) === key)
  const [replaced] = same
  const ours = replaced === undefined ? rule : merged(replaced, rule)
  const at = replaced === undefined ? -1 : rules.indexOf(replaced)
  const swallower = rules.findIndex((each) => !same.includes(each) && swallows(each, ours))
  const wildcard = swallower < 0 ? undefined : rules[swallower]
  const before = wildcard === undefined || isCatchAll(wildcard) ? {} : { before: wildcard }
  const facts = { ...(replaced === undefined ? {} : { replaced }), duplicates: same.slice(1) }
  // It stays where it is unless something in front of it takes its requests.
  if (at >= 0 && (swallower < 0 || at < swallower)) return { rules: rules.with(at, ours), ...facts }
  const others = rules.filter((each) => each !== replaced)
  const place = wildcard === undefined ? others.length : others.indexOf(wildcard)
  return { rules: withCatchAll(others.toSpliced(place, 0, ours)), ...facts, ...before }
}

/**
 * Takes out the rules of exactly this hostname and path; the one for everything else stays.
 * @param which of them: there may be several, by several people. Default: all
 */
export const withoutRule = (
  rules: readonly IngressRule[],
  hostname: string,
  path = '',
  which: (rule: IngressRule) => boolean = () => true,
): readonly IngressRule[] => {
  const key = ruleKey({ hostname, path })
  return rules.filter((rule) => isCatchAll(rule) || ruleKey(rule) !== key || !which(rule))
}

/**
 * Whether `actual` says all that `wanted` says. The API may add keys of its own, and leave out empty objects.
 */
export function says(actual: Json | undefined, wanted: Json | undefined): boolean {
  if (wanted === undefined || wanted === null) return true
  if (isObject(wanted)) {
    const theirs = actual ?? {}
    return isObject(theirs) && Object.entries(wanted).every(([key, value]) => says(theirs[key], value))
  }
  if (Array.isArray(wanted))
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((value: Json, index) => says(actual[index] as Json, value))
    )
  return actual === wanted
}

/** Whether both say the same. */
export const equal = (one: Json | undefined, other: Json | undefined): boolean =>
  says(one, other) && says(other, one)
