import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Execution, N8n, Webhook } from '../../n8n/types.ts'
import { webhookOf } from '../../n8n/webhook.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Needed, Plan, Verbs } from '../../operation/types.ts'
import { duration } from '../../operation/view.ts'
import { entryNamed, permitEntry } from './entry.ts'

const input = z.object({
  name: z.string().describe('Workflow, as `workflow list` shows it').meta({ suggest: 'workflows' }),
  text: z.string().max(1000).optional().describe('What it is to be told'),
  wait: z.boolean().default(true).describe('Wait until it has ended'),
  timeout: z.int().min(5).max(3_000).default(300).describe('Seconds to wait at most'),
})
type Services = Needed<readonly ['n8n', 'caller', 'clock']>

const outcomes = ['succeeded', 'running', 'waiting', 'accepted'] as const

/** Milliseconds in which the execution of a call that n8n took has to show. */
const SHOW_MS = 6_000

export const workflowRun = defineOperation({
  id: 'workflow.run',
  chat: 'workflow run',
  title: 'Start a workflow of n8n',
  description:
    'Calls its webhook, once, and follows the execution. Only workflows that homelab.yaml lists, by who has the role that stands there.',
  risk: 'change',
  permission: 'operator',
  rare: true,
  // n8n starts its own by itself.
  surfaces: ['chat', 'cli', 'api'],
  input,
  output: z.object({
    name: z.string(),
    workflow: z.string(),
    /** Number of the execution in n8n; absent when n8n does not show it. */
    execution: z.string().optional(),
    /**
     * `running`, `waiting` (at a Wait node): the time was up, it goes on. `accepted`: n8n took the call, and shows no
     * execution of it: it keeps none of this workflow, or a condition of the webhook left it out.
     */
    outcome: z.enum(outcomes),
    ms: z.number(),
  }),
  positional: ['name', 'text'],
  examples: ['workflow run nightly-report', 'workflow run order "more coffee" wait:false'],
  needs: ['n8n', 'caller', 'clock'],
  async plan({ name, wait, timeout }, { n8n, caller }, { signal }): Promise<Plan> {
    const entry = entryNamed(n8n, name)
    permitEntry(entry, caller)
    const workflow = await n8n.workflow(entry, signal)
    const webhook = webhookOf(workflow, entry)
    const title = entry.title ?? workflow.name
    return {
      summary: `Start the workflow "${title}" in n8n`,
      steps: [
        `Call its webhook "${webhook.node}"`,
        wait ? `Wait until it has ended, ${duration(timeout * 1000)} at most` : 'Not wait for its end',
      ],
      affects: [],
      warnings:
        webhook.asks === 'nothing'
          ? ['Its webhook asks for no secret: whoever knows its address can start it, past this list.']
          : [],
      locks: [`workflow/${workflow.id}`],
      confirm: entry.confirm,
      // Another version may do something else.
      state: { id: workflow.id, version: workflow.version, webhook: webhook.node },
    }
  },
  async run({ name, text, wait, timeout }, services, verbs) {
    const { n8n, caller, clock } = services
    const began = clock.monotonic()
    const entry = entryNamed(n8n, name)
    const found = (await verbs.step('look', async () => {
      permitEntry(entry, caller)
      const workflow = await n8n.workflow(entry, verbs.signal)
      const webhook = webhookOf(workflow, entry)
      return {
        id: workflow.id,
        title: entry.title ?? workflow.name,
        webhook,
        mark: newMark(services),
      } as unknown as Json
    })) as unknown as Found
    verbs.report({ text: `Starting ${found.title}` })
    const call = { mark: found.mark, by: caller.name, ...(text === undefined ? {} : { text }) }
    await verbs.change<string>('start', {
      act: async () => {
        await n8n.start(found.webhook, entry, call)
        return found.mark
      },
      find: async () => {
        if ((await n8n.marked(found.id, found.mark, verbs.signal)) !== undefined) return found.mark
        // n8n may be set to keep no executions, so none to be seen is not the same as none.
        throw new HomelabError('failed', 'n8n shows no execution that has the mark of this start.')
      },
    })
    verbs.log(`n8n took the start of ${found.title} (mark ${found.mark})`)
    const seen = (await verbs.follow('execution', async (signal) => {
      const limit = wait ? timeout * 1000 : 0
      return (await follow(found, limit, services, verbs, signal)) as unknown as Json
    })) as unknown as Execution | null
    if (seen !== null) assertNotFailed(seen, found)
    return {
      name: entry.name,
      workflow: found.title,
      ...(seen === null ? {} : { execution: seen.id }),
      outcome: outcomeOf(seen),
      ms: Math.round(clock.monotonic() - began),
    }
  },
  card: ({ workflow, outcome, execution, ms }) => ({
    title: `${workflow}: ${titles[outcome]}`,
    tone: outcome === 'succeeded' ? 'ok' : outcome === 'accepted' ? 'warning' : 'busy',
    text: {
      succeeded: `It took ${duration(ms)}.`,
      running: 'It was started and goes on; n8n shows how it ends.',
      waiting: 'It was started and waits at one of its nodes; n8n shows how it ends.',
      accepted: 'n8n took the start, and shows no execution of it, so how it ends is not known here.',
    }[outcome],
    ...(execution === undefined ? {} : { footer: `execution ${execution}` }),
  }),
})

const titles: Record<(typeof outcomes)[number], string> = {
  succeeded: 'done',
  running: 'still runs',
  waiting: 'waits',
  accepted: 'started',
}

interface Found {
  readonly id: string
  readonly title: string
  readonly webhook: Webhook
  readonly mark: string
}

/** Not a secret, only one of its kind: it is what an execution is found again by. */
const newMark = ({ clock }: Services): string =>
  `homelab-${clock.now().getTime().toString(36)}-${Math.random().toString(36).slice(2, 12)}`

/** Until it has ended or the time is up; null when n8n shows no such execution. */
async function follow(
  { id, mark, title }: Found,
  limitMs: number,
  { n8n, clock }: Services,
  verbs: Verbs,
  signal: AbortSignal,
): Promise<Execution | null> {
  const began = clock.monotonic()
  const elapsed = () => clock.monotonic() - began
  let execution: string | undefined
  for (let pause = 300; ; pause = Math.min(2 * pause, 1_500)) {
    const look = await shown(n8n, id, mark, signal)
    if (look === 'hidden') return null
    execution = look?.id
    if (execution !== undefined || elapsed() >= SHOW_MS) break
    await clock.sleep(pause, signal)
  }
  if (execution === undefined) return null
  verbs.report({ text: `${title} runs in n8n (execution ${execution})` })
  let last: Execution = { id: execution, status: 'running' }
  for (;;) {
    last = await looked(n8n, last, signal)
    const goesOn = last.status === 'new' || last.status === 'running' || last.status === 'waiting'
    if (!goesOn || elapsed() >= limitMs) return last
    await clock.sleep(elapsed() < 10_000 ? 500 : elapsed() < 60_000 ? 2_000 : 5_000, signal)
  }
}

/** As it is now; as it was while n8n does not answer, and `unknown` when it may not be seen or is not kept. */
async function looked(n8n: N8n, last: Execution, signal: AbortSignal): Promise<Execution> {
  try {
    return await n8n.execution(last.id, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof HomelabError)) throw error
    if (error.code === 'unreachable' || error.code === 'timeout') return last
    if (error.code === 'unauthorised' || error.code === 'not-found') return { id: last.id, status: 'unknown' }
    throw error
  }
}

/** The start is done: a key that may not look at executions makes the answer shorter, and not wrong. */
async function shown(
  n8n: N8n,
  workflow: string,
  mark: string,
  signal: AbortSignal,
): Promise<{ readonly id: string } | 'hidden' | undefined> {
  try {
    const id = await n8n.marked(workflow, mark, signal)
    return id === undefined ? undefined : { id }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof HomelabError)) throw error
    if (error.code === 'unauthorised') return 'hidden'
    if (error.code === 'unreachable' || error.code === 'timeout') return undefined
    throw error
  }
}

function assertNotFailed({ id, status, error }: Execution, { title }: Found): void {
  if (status !== 'error' && status !== 'crashed' && status !== 'canceled') return
  const where = error?.node === undefined ? '' : ` at "${error.node}"`
  const why =
    status === 'canceled'
      ? 'was stopped in n8n'
      : status === 'crashed'
        ? 'crashed: n8n went down while it ran'
        : `failed${where}${error === undefined ? '' : `: ${error.message}`}`
  throw new HomelabError('failed', `The workflow "${title}" ${why}.`.replace(/\.\.$/, '.'), {
    hint: `Execution ${id} in n8n shows what each node did.`,
    data: { execution: id, status },
  })
}

function outcomeOf(seen: Execution | null): (typeof outcomes)[number] {
  if (seen === null) return 'accepted'
  if (seen.status === 'success') return 'succeeded'
  if (seen.status === 'waiting') return 'waiting'
  return seen.status === 'unknown' ? 'accepted' : 'running'
}
