import { z } from 'zod'
import { isHomelabError } from '../../errors.ts'
import type { WorkflowEntry } from '../../inventory/n8n-schema.ts'
import type { Workflow } from '../../n8n/types.ts'
import { webhookOf } from '../../n8n/webhook.ts'
import { defineOperation } from '../../operation/define.ts'
import { atLeast } from '../../operation/permission.ts'

const Row = z.object({
  /** What one types. */
  name: z.string(),
  title: z.string(),
  /** In n8n; absent when it was not found there. */
  id: z.string().optional(),
  active: z.boolean(),
  role: z.enum(['viewer', 'operator', 'admin']),
  /** Whether who asks may start it. */
  allowed: z.boolean(),
  /** Why it cannot be started by anybody. */
  problem: z.string().optional(),
})
type Row = z.infer<typeof Row>

export const workflowList = defineOperation({
  id: 'workflow.list',
  chat: 'workflow list',
  title: 'List workflows of n8n',
  description: 'Those that homelab.yaml lets people start, and whether n8n would take it.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  // n8n starts its own by itself.
  surfaces: ['chat', 'cli', 'api'],
  input: z.object({}),
  output: z.object({ workflows: z.array(Row) }),
  needs: ['n8n', 'caller'],
  run: async (_input, { n8n, caller }, { signal }) => {
    const { entries } = n8n
    const all = entries.length === 0 ? [] : await n8n.workflows(signal)
    return {
      workflows: entries.map((entry): Row => {
        const found = named(all, entry)
        const [workflow] = found
        const problem = problemOf(found, entry)
        return {
          name: entry.name,
          title: entry.title ?? workflow?.name ?? entry.name,
          ...(workflow === undefined ? {} : { id: workflow.id }),
          active: workflow?.active ?? false,
          role: entry.role,
          allowed: atLeast(caller.role, entry.role),
          ...(problem === undefined ? {} : { problem }),
        }
      }),
    }
  },
  card: ({ workflows }) => {
    if (workflows.length === 0)
      return {
        title: 'No workflow may be started from here',
        tone: 'neutral',
        text: 'Those that may are listed under `n8n.workflows` in homelab.yaml.',
      }
    return {
      title: `${workflows.length} ${workflows.length === 1 ? 'workflow' : 'workflows'}`,
      tone: workflows.some(({ problem }) => problem !== undefined) ? 'warning' : 'neutral',
      sections: [
        {
          kind: 'table',
          columns: [{ name: 'Name' }, { name: 'In n8n' }, { name: 'State' }, { name: 'For' }],
          rows: workflows.map(({ name, title, role, problem }) => [
            name,
            title,
            problem === undefined ? { text: 'ready', tone: 'ok' } : { text: problem, tone: 'warning' },
            `${role}s`,
          ]),
        },
      ],
      buttons: workflows
        .filter(({ allowed, problem }) => allowed && problem === undefined)
        .slice(0, 5)
        .map(({ name, title }) => ({
          label: title,
          action: { kind: 'command' as const, text: `workflow run ${name}` },
        })),
    }
  },
})

/** As `N8n.workflow` finds it: by its id, else by its name among those that are not archived. */
function named(all: readonly Workflow[], { workflow }: WorkflowEntry): readonly Workflow[] {
  const byId = all.filter(({ id }) => id === workflow)
  if (byId.length > 0) return byId
  const byName = all.filter(({ name }) => name === workflow)
  const open = byName.filter(({ archived }) => !archived)
  return open.length > 0 ? open : byName.slice(0, 1)
}

function problemOf(found: readonly Workflow[], entry: WorkflowEntry): string | undefined {
  const [workflow] = found
  if (workflow === undefined) return `n8n has no workflow "${entry.workflow}"`
  if (found.length > 1) return `n8n has ${found.length} of that name: give an id`
  try {
    webhookOf(workflow, entry)
    return undefined
  } catch (error) {
    return isHomelabError(error) ? error.message : String(error)
  }
}
