/** What a person named, among the workloads and pods of the cluster. */
import { HomelabError } from '../errors.ts'
import type { K3sSettings } from '../inventory/k3s-schema.ts'
import { didYouMean } from '../nearest.ts'
import {
  type K3s,
  type Pod,
  type Workload,
  type WorkloadKind,
  type WorkloadRef,
  workloadKinds,
} from './types.ts'

/** `name`, `namespace/name`, `namespace/kind/name` */
export interface Named {
  readonly namespace?: string
  readonly kind?: WorkloadKind
  readonly name: string
}

/** @throws HomelabError `usage`; `denied` for a namespace that the file leaves out */
export function namedBy(text: string, settings: K3sSettings): Named {
  const parts = text.trim().toLowerCase().split('/')
  const [name] = parts.slice(-1)
  const [namespace, kind] = parts.slice(0, -1)
  if (name === undefined || parts.includes('') || parts.length > 3)
    throw new HomelabError('usage', `"${text.slice(0, 60)}" is no name of a deployment or pod.`, {
      hint: 'Type its name, or namespace/name: `k3s status` shows them.',
    })
  if (namespace !== undefined) assertNamespace(namespace, settings)
  if (kind !== undefined && !isKind(kind))
    throw new HomelabError('usage', `"${kind}" is none of ${workloadKinds.join(', ')}.`, {
      hint: `Type namespace/name, such as ${namespace}/${name}.`,
    })
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(kind === undefined ? {} : { kind }),
  }
}

const isKind = (text: string): text is WorkloadKind => (workloadKinds as readonly string[]).includes(text)

export const allowsNamespace = ({ namespaces }: K3sSettings, namespace: string): boolean =>
  namespaces === undefined || namespaces.includes(namespace)

export function assertNamespace(namespace: string, settings: K3sSettings): void {
  if (allowsNamespace(settings, namespace)) return
  throw new HomelabError('denied', `The namespace ${namespace} is not looked at from here.`, {
    hint: `\`k3s.namespaces\` of homelab.yaml has ${(settings.namespaces ?? []).join(', ')}.`,
  })
}

export const mayRestart = ({ restart }: K3sSettings, { namespace, name }: WorkloadRef): boolean =>
  restart === undefined || restart.includes(namespace) || restart.includes(`${namespace}/${name}`)

const placeOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`

/** @throws HomelabError `not-found` with what is called alike, `ambiguous` naming the candidates */
export async function findWorkload(text: string, k3s: K3s, signal: AbortSignal): Promise<Workload> {
  const named = namedBy(text, k3s.settings)
  const all = await k3s.workloads(named.namespace, signal)
  const found = matching(all, named)
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  if (only !== undefined) throw ambiguous(named.name, found)
  throw notFound(text, named, all)
}

/** A workload, or one pod. A name that both have is the workload's. */
export async function findLogged(
  text: string,
  k3s: K3s,
  signal: AbortSignal,
): Promise<{ readonly workload: Workload } | { readonly pod: Pod }> {
  const named = namedBy(text, k3s.settings)
  const workloads = await k3s.workloads(named.namespace, signal)
  const found = matching(workloads, named)
  const [only] = found
  if (only !== undefined && found.length === 1) return { workload: only }
  if (only !== undefined) throw ambiguous(named.name, found)
  const filter = named.namespace === undefined ? {} : { namespace: named.namespace }
  const pods = named.kind === undefined ? await k3s.pods(filter, signal) : []
  const fits = pods.filter(({ name }) => name === named.name)
  const [pod] = fits
  if (pod !== undefined && fits.length === 1) return { pod }
  if (pod !== undefined)
    throw new HomelabError('ambiguous', `${fits.length} pods are called ${named.name}.`, {
      hint: `Type one of ${fits.map(placeOf).join(', ')}.`,
    })
  throw notFound(text, named, [...workloads, ...pods])
}

const matching = (all: readonly Workload[], { kind, name }: Named): readonly Workload[] =>
  all.filter((each) => each.name === name && (kind === undefined || each.kind === kind))

function ambiguous(name: string, found: readonly Workload[]): HomelabError {
  const places = new Set(found.map(placeOf))
  const choices =
    places.size === found.length
      ? [...places]
      : found.map(({ namespace, kind, name: each }) => `${namespace}/${kind}/${each}`)
  return new HomelabError('ambiguous', `${found.length} are called ${name}: ${choices.join(', ')}.`, {
    hint: 'Type one of them whole.',
    data: { choices },
  })
}

function notFound(
  text: string,
  { namespace, name }: Named,
  all: readonly { readonly namespace: string; readonly name: string }[],
): HomelabError {
  const elsewhere = namespace === undefined ? '' : ` in ${namespace}`
  const near = didYouMean(name, new Set(all.map((each) => each.name)))
  return new HomelabError('not-found', `K3s has nothing called ${name.slice(0, 80)}${elsewhere}.${near}`, {
    hint: '`k3s status all:true` shows what there is.',
    data: { name: text.slice(0, 120) },
  })
}
