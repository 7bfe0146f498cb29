import { z } from 'zod'
import { errorData, isHomelabError } from '../../errors.ts'
import { assertNamespace } from '../../k3s/find.ts'
import { nodeTrouble, podTrouble, type Trouble, workloadTrouble } from '../../k3s/troubles.ts'
import { workloadKinds } from '../../k3s/types.ts'
import type { Button, Section } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'
import { kindWords, placeOf, podsText, troubleText } from './words.ts'

const TroubleOutput = z.object({
  problem: z.string(),
  detail: z.string().optional(),
  /** ISO 8601. */
  since: z.string().optional(),
  container: z.string().optional(),
  /** Not wrong yet: it may be on its way. */
  starting: z.boolean(),
})
const Row = z.object({ namespace: z.string(), name: z.string(), trouble: TroubleOutput })

const Output = z.object({
  context: z.string(),
  server: z.string(),
  /** When the client certificate of the kubeconfig ends, ISO 8601. */
  certificateEnds: z.string().optional(),
  nodes: z.array(
    z.object({
      name: z.string(),
      ready: z.enum(['True', 'False', 'Unknown']),
      version: z.string(),
      roles: z.array(z.string()),
      pressures: z.array(z.string()),
      cordoned: z.boolean(),
      /** ISO 8601, of `ready`. */
      since: z.string().optional(),
      trouble: TroubleOutput.optional(),
    }),
  ),
  workloads: z.array(
    z.object({
      kind: z.enum(workloadKinds),
      namespace: z.string(),
      name: z.string(),
      wanted: z.int(),
      available: z.int(),
      trouble: TroubleOutput.optional(),
    }),
  ),
  /** Those that are not well. */
  pods: z.array(Row),
  counts: z.object({ workloads: z.int(), pods: z.int() }),
  /** What could not be asked. */
  problems: z.array(z.string()),
  /** ISO 8601, of the answer. */
  at: z.string(),
})
type Output = z.infer<typeof Output>

/** Milliseconds before its end from which the certificate is worth a word: K3s renews its own 120 days before, at a restart. */
const CERTIFICATE_MS = 30 * 86_400_000
/** Rows of a list on the card. */
const SHOWN = 12

export const k3sStatus = defineOperation({
  id: 'k3s.status',
  chat: 'k3s status',
  title: 'Show what is not well in K3s',
  description:
    'Its nodes; deployments, stateful sets and daemon sets that are short of pods; and pods that are not well, with why and since when.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({
    namespace: z.string().max(63).optional().describe('Only this namespace'),
    all: z.boolean().default(false).describe('Also deployments that are well'),
  }),
  output: Output,
  positional: ['namespace'],
  examples: ['k3s status', 'k3s status media', 'k3s status all:true'],
  needs: ['k3s', 'clock'],
  run: async ({ namespace: typed, all }, { k3s, clock }, { signal }) => {
    const namespace = typed?.trim().toLowerCase()
    if (namespace !== undefined) assertNamespace(namespace, k3s.settings)
    const about = await k3s.about()
    const problems: string[] = []
    // Nodes are the cluster's: who may look at some namespaces only is still told of those.
    const orProblem = async <T>(work: Promise<readonly T[]>): Promise<readonly T[]> => {
      try {
        return await work
      } catch (error) {
        signal.throwIfAborted()
        if (!isHomelabError(error) || error.code !== 'unauthorised' || k3s.settings.namespaces === undefined)
          throw error
        problems.push(errorData(error).message)
        return []
      }
    }
    const [nodes, workloads, pods] = await Promise.all([
      orProblem(k3s.nodes(signal)),
      k3s.workloads(namespace, signal),
      k3s.pods(namespace === undefined ? {} : { namespace }, signal),
    ])
    const now = clock.now()
    return {
      ...about,
      nodes: nodes.map((node) => ({
        name: node.name,
        ready: node.ready,
        version: node.version,
        roles: [...node.roles],
        pressures: [...node.pressures],
        cordoned: node.cordoned,
        ...(node.since === undefined ? {} : { since: node.since }),
        ...troubled(nodeTrouble(node)),
      })),
      workloads: workloads
        .map((workload) => ({ workload, trouble: workloadTrouble(workload) }))
        .filter(({ trouble }) => all || trouble !== undefined)
        .map(({ workload: { kind, name, wanted, available, namespace: place }, trouble }) => ({
          kind,
          namespace: place,
          name,
          wanted,
          available,
          ...troubled(trouble),
        })),
      pods: pods
        .map((pod) => ({ pod, trouble: podTrouble(pod, now) }))
        .flatMap(({ pod, trouble }) => (trouble === undefined ? [] : [{ pod, trouble }]))
        .toSorted((a, b) => b.trouble.weight - a.trouble.weight)
        .map(({ pod: { namespace: place, name }, trouble }) => ({
          namespace: place,
          name,
          trouble: shown(trouble),
        })),
      counts: { workloads: workloads.length, pods: pods.length },
      problems,
      at: now.toISOString(),
    }
  },
  failed: (output) => wrongIn(output) > 0,
  card: (output) => {
    const { context, server, nodes, workloads, pods, counts, problems, at, certificateEnds } = output
    const now = new Date(at)
    const wrong = wrongIn(output)
    const starting = troublesIn(output).length - wrong
    const left = certificateEnds === undefined ? Infinity : Date.parse(certificateEnds) - now.getTime()
    const minds = [
      ...problems,
      ...(left < CERTIFICATE_MS
        ? [
            `The client certificate of the kubeconfig ${left < 0 ? 'has ended' : `ends in ${duration(left)}`}: restart K3s on its server, then copy /etc/rancher/k3s/k3s.yaml again.`,
          ]
        : []),
    ]
    return {
      title:
        wrong > 0 ? `K3s: ${wrong} not well` : starting > 0 ? `K3s: ${starting} starting` : 'K3s is well',
      tone: wrong > 0 ? 'error' : starting > 0 || minds.length > 0 ? 'warning' : 'ok',
      sections: [
        {
          kind: 'table',
          title: nodes.length === 1 ? 'Node' : 'Nodes',
          columns: [{ name: 'Name' }, { name: 'State' }, { name: 'Version' }],
          rows: nodes.map((node) => [node.name, nodeState(node, now), node.version]),
        },
        ...listed(
          'Deployments',
          workloads.map((each) =>
            each.trouble === undefined
              ? `${placeOf(each)}: ${each.available} of ${each.wanted} available`
              : `${placeOf(each)}${each.kind === 'deployment' ? '' : ` (${kindWords[each.kind]})`}: ${troubleText(each.trouble, now)}`,
          ),
        ),
        ...listed(
          'Pods',
          pods.map((pod) => `${placeOf(pod)}: ${troubleText(pod.trouble, now)}`),
        ),
        ...listed('Mind', minds),
      ],
      buttons: buttonsOf(output),
      footer: `${context} · ${server.replace(/^https:\/\//, '')} · ${counts.workloads} workloads, ${podsText(counts.pods)}`,
    }
  },
})

const shown = ({ weight: _weight, ...rest }: Trouble) => rest

const troubled = (trouble: Trouble | undefined) => (trouble === undefined ? {} : { trouble: shown(trouble) })

const troublesIn = ({ nodes, workloads, pods }: Output) =>
  [...nodes, ...workloads, ...pods].flatMap(({ trouble }) => trouble ?? [])

const wrongIn = (output: Output): number => troublesIn(output).filter(({ starting }) => !starting).length

function nodeState({ trouble, cordoned, roles }: Output['nodes'][number], now: Date) {
  if (trouble !== undefined) return { text: troubleText(trouble, now), tone: 'error' as const }
  if (cordoned) return { text: 'ready, cordoned: takes no new pods', tone: 'warning' as const }
  return roles.length === 0 ? 'ready' : `ready, ${roles.join(', ')}`
}

function listed(title: string, items: readonly string[]): readonly Section[] {
  if (items.length === 0) return []
  const more = items.length - SHOWN
  return [{ kind: 'list', title, items: more > 0 ? [...items.slice(0, SHOWN), `and ${more} more`] : items }]
}

/** What one would look at first. */
function buttonsOf({ workloads, pods }: Output): readonly Button[] {
  const pod = pods.find(({ trouble }) => trouble.container !== undefined)
  const short = workloads.find(({ trouble }) => trouble !== undefined && !trouble.starting)
  return [
    ...(pod === undefined
      ? []
      : [
          {
            label: `Log of ${pod.name}`.slice(0, 60),
            action: { kind: 'command' as const, text: `k3s logs ${placeOf(pod)}` },
          },
        ]),
    ...(short === undefined
      ? []
      : [
          {
            label: `Restart ${short.name}`.slice(0, 60),
            action: {
              kind: 'command' as const,
              text: `k3s restart ${short.namespace}/${short.kind}/${short.name}`,
            },
          },
        ]),
    { label: 'Again', action: { kind: 'command', text: 'k3s status' } },
  ]
}
