import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { findWorkload, mayRestart } from '../../k3s/find.ts'
import { type Rollout, rolloutOf } from '../../k3s/rollout.ts'
import { podTrouble } from '../../k3s/troubles.ts'
import { type K3s, type Workload, workloadKinds } from '../../k3s/types.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Needed, Plan, Verbs } from '../../operation/types.ts'
import { duration } from '../../operation/view.ts'
import { gapOf, kindWords, placeOf, podsText, troubleText } from './words.ts'

const input = z.object({
  deployment: z
    .string()
    .min(1)
    .max(320)
    .describe('Deployment, stateful set or daemon set: its name, or namespace/name')
    .meta({ suggest: 'deployments' }),
})
type Services = Needed<readonly ['k3s', 'clock']>

/** Milliseconds on top of the time after which Kubernetes itself gives up. */
const GRACE_MS = 60_000
/** Seconds for what Kubernetes itself never gives up. */
const DEADLINE_S = 600
/** Looks between which the pods are asked what holds them up. */
const LOOKS = 4

export const k3sRestart = defineOperation({
  id: 'k3s.restart',
  chat: 'k3s restart',
  title: 'Restart a deployment of K3s',
  description:
    'Has its pods made anew as `kubectl rollout restart` does, and follows the roll-out until all can be used or it is given up.',
  risk: 'change',
  permission: 'operator',
  rare: true,
  input,
  output: z.object({
    kind: z.enum(workloadKinds),
    namespace: z.string(),
    name: z.string(),
    wanted: z.int(),
    available: z.int(),
    /** The mark that its template has now, ISO 8601. */
    restartedAt: z.string(),
    ms: z.number(),
  }),
  positional: ['deployment'],
  examples: [
    'k3s restart jellyfin',
    'k3s restart media/jellyfin',
    'k3s restart kube-system/daemonset/svclb-traefik',
  ],
  needs: ['k3s', 'clock'],
  async plan({ deployment }, { k3s }, { signal }): Promise<Plan> {
    const workload = await restartable(deployment, k3s, signal)
    const { kind, namespace, name, wanted, available, strategy, generation } = workload
    const gap = gapOf(workload)
    return {
      summary: `Restart ${placeOf(workload)} (${kindWords[kind]}, ${podsText(wanted)})`,
      steps: [
        'mark its template, so that Kubernetes makes its pods anew',
        strategy === 'Recreate'
          ? 'all old pods end, then the new ones begin'
          : 'one after the other, as far as its strategy lets it',
        'wait until all can be used',
      ],
      affects: [],
      warnings: [
        ...(gap === undefined ? [] : [gap]),
        ...(available < wanted
          ? [`It is short of pods already: ${available} of ${wanted} can be used.`]
          : []),
      ],
      locks: [`k3s/${namespace}/${kind}/${name}`],
      state: { kind, namespace, name, wanted, strategy, generation },
    }
  },
  async run({ deployment }, services, verbs) {
    const { k3s, clock } = services
    const began = clock.monotonic()
    const { ref, at } = await verbs.step('look', async () => {
      const { kind, namespace, name } = await restartable(deployment, k3s, verbs.signal)
      return { ref: { kind, namespace, name }, at: clock.now().toISOString() }
    })
    verbs.report({ text: `Restarting ${placeOf(ref)}` })
    const mark = await verbs.change<string>('restart', {
      act: async () => {
        await k3s.restart(ref, at)
        return at
      },
      find: async () => {
        const { restartedAt } = await k3s.workload(ref, verbs.signal)
        // Ours, or somebody's after it: then the pods are made anew as well. kubectl writes whole seconds.
        const later = restartedAt !== undefined && Date.parse(restartedAt) >= Date.parse(at)
        return later ? restartedAt : undefined
      },
    })
    const end = (await verbs.follow('roll-out', (signal) => rolledOut(ref, services, verbs, signal))) as {
      readonly wanted: number
      readonly available: number
    }
    return { ...ref, ...end, restartedAt: mark, ms: Math.round(clock.monotonic() - began) }
  },
  card: ({ kind, namespace, name, wanted, available, ms }) => ({
    title: `${namespace}/${name} was restarted`,
    tone: 'ok',
    text: `${available} of ${podsText(wanted)} of this ${kindWords[kind]} can be used. It took ${duration(ms)}.`,
    buttons: [
      { label: 'Log', action: { kind: 'command', text: `k3s logs ${namespace}/${kind}/${name}` } },
      { label: 'Status', action: { kind: 'command', text: `k3s status ${namespace}` } },
    ],
  }),
})

/** @throws HomelabError as `findWorkload`; `denied`; `conflict` when a new mark would make no new pods */
async function restartable(text: string, k3s: K3s, signal: AbortSignal): Promise<Workload> {
  const workload = await findWorkload(text, k3s, signal)
  const place = placeOf(workload)
  if (!mayRestart(k3s.settings, workload))
    throw new HomelabError('denied', `${place} is not restarted from here.`, {
      hint: `\`k3s.restart\` of homelab.yaml has ${(k3s.settings.restart ?? []).join(', ') || 'nothing'}.`,
    })
  if (workload.paused)
    throw new HomelabError('conflict', `The roll-out of ${place} is paused: nothing would be made anew.`, {
      hint: `\`kubectl -n ${workload.namespace} rollout resume deployment/${workload.name}\` first.`,
    })
  if (workload.strategy === 'OnDelete')
    throw new HomelabError(
      'conflict',
      `${place} makes a pod anew only when somebody deletes it (OnDelete).`,
      {
        hint: 'Delete its pods one by one with kubectl, or give it the strategy RollingUpdate.',
      },
    )
  if (workload.wanted === 0)
    throw new HomelabError(
      'conflict',
      `${place} has no pods: ${workload.kind === 'daemonset' ? 'no node is to have one' : 'it is scaled to 0'}.`,
      {
        hint: `\`k3s status ${workload.namespace} all:true\` shows what runs.`,
      },
    )
  return workload
}

/** Until all its pods are new and can be used. K3s may be away meanwhile: it may be what is restarted. */
async function rolledOut(
  ref: Pick<Workload, 'kind' | 'namespace' | 'name'>,
  { k3s, clock }: Services,
  verbs: Verbs,
  signal: AbortSignal,
): Promise<Json> {
  const place = placeOf(ref)
  const began = clock.monotonic()
  let limitMs = DEADLINE_S * 1000 + GRACE_MS
  let held: string | undefined
  for (let look = 0, pause = 250; ; look += 1, pause = Math.min(pause * 2, 2_000)) {
    const workload = await looked(ref, k3s, signal)
    if (workload !== undefined) {
      limitMs = (workload.deadlineSeconds ?? DEADLINE_S) * 1000 + GRACE_MS
      const rollout = rolloutOf(workload)
      if (rollout.state === 'done') return { wanted: workload.wanted, available: workload.available }
      if (rollout.state === 'failed')
        throw await givenUp(place, rollout.why, workload, { k3s, clock }, signal)
      if (look % LOOKS === LOOKS - 1) held = await heldUp(workload, { k3s, clock }, signal).catch(() => held)
      report(rollout, held, verbs)
    }
    if (clock.monotonic() - began > limitMs) {
      const why = workload === undefined ? 'K3s does not answer' : textOf(rolloutOf(workload))
      throw new HomelabError('timeout', `${place} is not whole after ${duration(limitMs)}: ${held ?? why}.`, {
        hint: `\`k3s status ${ref.namespace}\` shows what it waits for; the roll-out goes on.`,
      })
    }
    await clock.sleep(pause, signal)
  }
}

function report(
  rollout: Rollout & { readonly state: 'going' },
  held: string | undefined,
  verbs: Verbs,
): void {
  const { text, done, total } = rollout
  verbs.report({ text: held === undefined ? text : `${text}; ${held}`, done, total, unit: 'items' })
}

const textOf = (rollout: Rollout): string => (rollout.state === 'going' ? rollout.text : rollout.state)

/** undefined while K3s does not answer. */
async function looked(ref: Pick<Workload, 'kind' | 'namespace' | 'name'>, k3s: K3s, signal: AbortSignal) {
  try {
    return await k3s.workload(ref, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof HomelabError)) throw error
    if (error.code === 'unreachable' || error.code === 'timeout') return undefined
    if (error.code !== 'not-found') throw error
    throw new HomelabError(
      'failed',
      `${placeOf(ref)} is gone: somebody deleted it while its pods were made anew.`,
      {
        hint: `\`k3s status ${ref.namespace} all:true\` shows what is there.`,
      },
    )
  }
}

/** The worst of its pods, if one is not well. */
async function heldUp(
  workload: Workload,
  { k3s, clock }: Services,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { namespace, selector } = workload
  const pods = await k3s.pods({ namespace, selector }, signal)
  const now = clock.now()
  const [worst] = pods
    .flatMap((pod) => {
      const trouble = podTrouble(pod, now)
      return trouble === undefined || trouble.starting ? [] : [{ pod, trouble }]
    })
    .toSorted((a, b) => b.trouble.weight - a.trouble.weight)
  return worst === undefined ? undefined : `${worst.pod.name}: ${troubleText(worst.trouble, now)}`
}

async function givenUp(
  place: string,
  why: string,
  workload: Workload,
  services: Services,
  signal: AbortSignal,
) {
  const held = await heldUp(workload, services, signal).catch(() => undefined)
  return new HomelabError(
    'failed',
    `Kubernetes has given up the roll-out of ${place}: ${why.replace(/\.$/, '')}${held === undefined ? '' : `; ${held}`}.`,
    {
      hint: `\`k3s logs ${place}\` says why; \`kubectl -n ${workload.namespace} rollout undo ${workload.kind}/${workload.name}\` goes back to the template before.`,
      data: { available: workload.available, wanted: workload.wanted },
    },
  )
}
