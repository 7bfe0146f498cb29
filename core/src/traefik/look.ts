/**
 * What Traefik will say of a file in its directory. One that it cannot read freezes them all: it keeps the routes it has,
 * takes no change any more, and tells nobody but its log. So only what it surely refuses is called so.
 * Facts: paerser, which Traefik 3 reads its files with.
 */
import { distance } from 'fastest-levenshtein'
import { type Problem, readYaml } from '../inventory/yaml.ts'
import { isOurs, routeIn } from './route-file.ts'
import { hostnamesInText, hostnamesOf } from './rule.ts'
import type { RouteFile } from './types.ts'

type Found = Pick<RouteFile, 'problem' | 'freezes'>
type Fields = Readonly<Record<string, unknown>>

const sections = ['routers', 'services', 'middlewares', 'serversTransports', 'models']
const router = [
  ...['entryPoints', 'middlewares', 'service', 'rule', 'ruleSyntax', 'priority', 'tls', 'observability'],
  'parentRefs',
]
const service = ['loadBalancer', 'weighted', 'mirroring', 'failover', 'highestRandomWeight']
const loadBalancer = [
  ...['servers', 'sticky', 'healthCheck', 'passiveHealthCheck', 'passHostHeader', 'responseForwarding'],
  ...['serversTransport', 'strategy'],
]

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const freezes = (problem: string): Found => ({ problem, freezes: true })
const atLine = ({ line, message }: Problem): string => `line ${line}: ${message}`

/** Traefik reads the first document of several, takes tags, and has no limits: these are no faults there. */
const harmless = ({ message }: Problem): boolean =>
  /^(a second document|tags such as|is too big|is nested too deeply|repeats itself)/.test(message)

/** Keys are compared without regard to case, as Traefik does. */
const field = (fields: Fields, name: string): unknown =>
  Object.entries(fields).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]

const isEmpty = (value: unknown): boolean => isFields(value) && Object.keys(value).length === 0

const slipsIn = ({ length }: string): number => (length > 5 ? 2 : length > 3 ? 1 : 0)

function unknownKey(fields: Fields, known: readonly string[], where: string): Found | undefined {
  const lower = known.map((name) => name.toLowerCase())
  const wrong = Object.keys(fields).find((key) => !lower.includes(key.toLowerCase()))
  if (wrong === undefined) return undefined
  // A newer Traefik may have keys that nobody knew of when this was written; a slip of the fingers is none of them.
  const slip = known.find((name) => distance(wrong.toLowerCase(), name.toLowerCase()) <= slipsIn(name))
  return slip !== undefined
    ? freezes(`${where}: Traefik knows no "${wrong}", but ${slip}`)
    : {
        problem: `${where}: "${wrong}" is not known here; if this Traefik does not know it either, it refuses the file`,
      }
}

/** A map of maps, which must not be empty where it stands. */
function named(value: unknown, where: string): Found | undefined {
  if (value === undefined || value === null) return undefined
  if (!isFields(value)) return freezes(`${where} is no map of names`)
  return isEmpty(value)
    ? freezes(`${where} is empty ({}): Traefik refuses that; take the line out`)
    : undefined
}

function* inside(http: Fields): Generator<Found | undefined> {
  yield unknownKey(http, sections, 'http')
  for (const section of sections) yield named(field(http, section), `http.${section}`)
  const routers = field(http, 'routers')
  for (const [name, value] of Object.entries(isFields(routers) ? routers : {})) {
    const where = `http.routers.${name}`
    if (!isFields(value)) {
      yield value === null ? undefined : freezes(`${where} is no map`)
      continue
    }
    yield unknownKey(value, router, where)
    for (const needed of ['rule', 'service'])
      if (typeof field(value, needed) !== 'string') yield { problem: `${where} has no ${needed}` }
  }
  const services = field(http, 'services')
  for (const [name, value] of Object.entries(isFields(services) ? services : {})) {
    const where = `http.services.${name}`
    if (!isFields(value)) {
      yield value === null ? undefined : freezes(`${where} is no map`)
      continue
    }
    yield unknownKey(value, service, where)
    const balancer = field(value, 'loadBalancer')
    yield named(balancer, `${where}.loadBalancer`)
    if (isFields(balancer)) yield unknownKey(balancer, loadBalancer, `${where}.loadBalancer`)
  }
}

/** The worst of what there is to say. */
function lookInto(value: unknown): Found {
  if (value === null || value === undefined) return {}
  if (!isFields(value)) return freezes('is no map: a file of Traefik begins with http:')
  const found: Found[] = []
  for (const part of ['http', 'tcp', 'udp', 'tls']) {
    const section = field(value, part)
    const wrong = named(section, part)
    if (wrong !== undefined) found.push(wrong)
    else if (part === 'http' && isFields(section))
      for (const each of inside(section)) if (each !== undefined) found.push(each)
  }
  return found.find((each) => each.freezes) ?? found[0] ?? {}
}

function rulesIn(value: unknown): readonly (readonly [string, string])[] {
  const http = isFields(value) ? field(value, 'http') : undefined
  const routers = isFields(http) ? field(http, 'routers') : undefined
  return Object.entries(isFields(routers) ? routers : {}).map(([name, each]) => {
    const rule = isFields(each) ? field(each, 'rule') : undefined
    return [name, typeof rule === 'string' ? rule : ''] as const
  })
}

/** Its first line that is not a remark: a table or a key with a value. */
const isToml = (text: string): boolean => {
  const first = text.split('\n').find((line) => !/^\s*(#|$)/.test(line))
  return (
    first === undefined ||
    /^\s*(\[\[?[^\]]+\]\]?\s*(#.*)?|[\w."'-]+(\s*\.\s*[\w"'-]+)*\s*=\s*\S.*)\r?$/.test(first)
  )
}

/** @param path its ending says what it should be */
export function lookAt(path: string, text: string): RouteFile {
  const file = path.slice(path.lastIndexOf('/') + 1)
  const base = { name: file.replace(/\.[^.]*$/, ''), path, text, ours: isOurs(text) }
  const unparsed = (found: Found): RouteFile => ({
    ...base,
    hostnames: hostnamesInText(text),
    routers: [],
    ...found,
  })
  if (/\.toml$/i.test(file))
    return unparsed(
      isToml(text) ? { problem: 'is TOML: not looked into' } : freezes('is called .toml and holds no TOML'),
    )
  if (text.includes('{{')) return unparsed({ problem: 'is a template ({{ … }}): not looked into' })
  const { value, problems } = readYaml(text)
  const [wrong] = problems.filter((problem) => !harmless(problem))
  if (wrong !== undefined) return unparsed(freezes(atLine(wrong)))
  const [odd] = problems
  if (odd !== undefined) return unparsed({ problem: `${atLine(odd)}; not looked into` })
  const rules = rulesIn(value)
  const route = routeIn(value)
  return {
    ...base,
    hostnames: [...new Set(rules.flatMap(([, rule]) => hostnamesOf(rule)))],
    routers: rules.map(([name]) => name),
    ...(route === undefined ? {} : { route }),
    ...lookInto(value),
  }
}

/** A router of the same name in two files: Traefik takes the first, by the order of the names of files, and leaves the other out. */
export function withDuplicates(files: readonly RouteFile[]): readonly RouteFile[] {
  const first = new Map<string, string>()
  return files.map((file) => {
    const twice = file.routers.find((name) => first.has(name))
    for (const name of file.routers) if (!first.has(name)) first.set(name, file.path)
    if (twice === undefined || file.problem !== undefined) return file
    return {
      ...file,
      problem: `the router ${twice} is in ${first.get(twice)} already: Traefik leaves this one out`,
    }
  })
}
