import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { findLogged } from '../../k3s/find.ts'
import { podTrouble } from '../../k3s/troubles.ts'
import type { K3s, Pod, PodContainer, Workload } from '../../k3s/types.ts'
import { didYouMean } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import { kindWords, placeOf, troubleText } from './words.ts'

export const k3sLogs = defineOperation({
  id: 'k3s.logs',
  chat: 'k3s logs',
  title: 'Read the log of a pod in K3s',
  description:
    'The last lines of one container. Of a deployment, the pod that is least well is read; `previous` reads what it said before it was started again.',
  risk: 'read',
  permission: 'operator',
  rare: true,
  input: z.object({
    name: z
      .string()
      .min(1)
      .max(320)
      .describe('Deployment or pod: its name, or namespace/name')
      .meta({ suggest: 'deployments' }),
    lines: z.int().min(1).max(2000).default(50).describe('How many lines, the newest'),
    previous: z.boolean().default(false).describe('Of the container before its last restart'),
    container: z.string().max(63).optional().describe('Of several; default: the one that is least well'),
  }),
  output: z.object({
    namespace: z.string(),
    pod: z.string(),
    container: z.string(),
    previous: z.boolean(),
    restarts: z.int(),
    /** All of the pod. */
    containers: z.array(z.string()),
    /** What is wrong with the pod. */
    trouble: z.string().optional(),
    lines: z.array(z.string()),
  }),
  positional: ['name'],
  examples: [
    'k3s logs jellyfin',
    'k3s logs media/jellyfin lines:200',
    'k3s logs media/jellyfin-5d9c previous:true',
  ],
  needs: ['k3s', 'clock'],
  run: async ({ name, lines, previous, container: wanted }, { k3s, clock }, { signal }) => {
    const now = clock.now()
    const found = await findLogged(name, k3s, signal)
    const pod = 'pod' in found ? found.pod : await worstOf(found.workload, k3s, now, signal)
    const trouble = podTrouble(pod, now)
    const container = containerOf(pod, wanted, trouble?.container)
    const { namespace, name: podName, containers } = pod
    if (previous && container.restarts === 0 && container.last === undefined)
      throw new HomelabError(
        'conflict',
        `${container.name} of ${placeOf(pod)} was never started again: it has no earlier log.`,
        {
          hint: `\`k3s logs ${placeOf(pod)}\` reads the one that it has.`,
        },
      )
    // Before its first start it has said nothing, and the server's own answer to that is an error.
    if (
      !previous &&
      container.state === 'waiting' &&
      container.restarts === 0 &&
      container.last === undefined
    )
      throw new HomelabError(
        'conflict',
        `${container.name} of ${placeOf(pod)} has not begun: ${trouble === undefined ? (container.reason ?? 'it waits') : troubleText(trouble, now)}.`,
        {
          hint: `\`k3s status ${namespace}\` shows what it waits for.`,
        },
      )
    const text = await k3s.log(
      { namespace, name: podName, container: container.name },
      { lines, previous },
      signal,
    )
    return {
      namespace,
      pod: podName,
      container: container.name,
      previous,
      restarts: container.restarts,
      containers: containers.map(({ name: each }) => each),
      ...(trouble === undefined ? {} : { trouble: troubleText(trouble, now) }),
      lines: text
        .split(/\r?\n/)
        .filter((line) => line !== '')
        .slice(-lines),
    }
  },
  card: ({ namespace, pod, container, previous, restarts, containers, trouble, lines }) => ({
    title: `Log of ${namespace}/${pod}`,
    tone: trouble === undefined ? 'neutral' : 'warning',
    ...(trouble === undefined
      ? lines.length === 0
        ? { text: 'Nothing was logged.' }
        : {}
      : { text: lines.length === 0 ? `${trouble}. Nothing was logged.` : trouble }),
    ...(lines.length === 0 ? {} : { sections: [{ kind: 'code', text: lines.join('\n'), keep: 'end' }] }),
    buttons: [
      {
        label: 'Again',
        action: { kind: 'command', text: `k3s logs ${namespace}/${pod} container:${container}` },
      },
      ...(restarts > 0 && !previous
        ? [
            {
              label: 'Before its restart',
              action: {
                kind: 'command' as const,
                text: `k3s logs ${namespace}/${pod} container:${container} previous:true`,
              },
            },
          ]
        : []),
    ],
    footer: [
      `${container}${containers.length > 1 ? ` of ${containers.join(', ')}` : ''}`,
      previous ? 'before its last restart' : undefined,
      lines.length === 1 ? '1 line' : `${lines.length} lines`,
    ]
      .filter((part) => part !== undefined)
      .join(' · '),
  }),
})

/** The one that is least well; when all are, the newest. */
async function worstOf(workload: Workload, k3s: K3s, now: Date, signal: AbortSignal): Promise<Pod> {
  const { namespace, selector } = workload
  const pods = await k3s.pods({ namespace, selector }, signal)
  const weight = (pod: Pod): number => podTrouble(pod, now)?.weight ?? 0
  const [worst] = pods.toSorted(
    (a, b) => weight(b) - weight(a) || Date.parse(b.createdAt ?? '') - Date.parse(a.createdAt ?? '') || 0,
  )
  if (worst !== undefined) return worst
  throw new HomelabError(
    'conflict',
    `The ${kindWords[workload.kind]} ${placeOf(workload)} has no pods: there is nothing to read.`,
    {
      hint: `\`k3s status ${namespace} all:true\` shows how many it wants.`,
    },
  )
}

function containerOf(pod: Pod, wanted: string | undefined, troubled: string | undefined): PodContainer {
  const { containers, mainContainer } = pod
  const named = (name: string | undefined) => containers.find((each) => each.name === name)
  if (wanted !== undefined) {
    const found = named(wanted)
    if (found !== undefined) return found
    const names = containers.map(({ name }) => name)
    throw new HomelabError(
      'not-found',
      `${placeOf(pod)} has no container "${wanted}".${didYouMean(wanted, names)}`,
      {
        hint: `It has ${names.join(', ') || 'none yet'}.`,
      },
    )
  }
  const found =
    named(troubled) ?? named(mainContainer) ?? containers.find(({ init }) => !init) ?? containers[0]
  if (found !== undefined) return found
  throw new HomelabError('conflict', `${placeOf(pod)} has not begun: no node has taken it.`, {
    hint: `\`k3s status ${pod.namespace}\` shows why.`,
  })
}
