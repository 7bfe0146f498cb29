/** What is used of each answer of n8n's public API, and no more. */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'

const text = z.string().catch('')
const optionalText = z.string().nullish().catch(undefined)

const Node = z.object({
  name: text,
  type: text,
  disabled: z.boolean().catch(false),
  webhookId: optionalText,
  parameters: z.record(z.string(), z.unknown()).catch({}),
})
export type Node = z.infer<typeof Node>

export const WorkflowBody = z.object({
  id: z.coerce.string(),
  name: text,
  active: z.boolean().catch(false),
  isArchived: z.boolean().catch(false),
  versionId: optionalText,
  nodes: z.array(Node).catch([]),
  /** Since n8n 2 what is edited and what is published are two versions. Absent before; null: nothing is published. */
  activeVersion: z
    .object({ versionId: text, nodes: z.array(Node).catch([]) })
    .nullish()
    .catch(undefined),
})
export type WorkflowBody = z.infer<typeof WorkflowBody>

const page = <T extends z.ZodType>(row: T) => z.object({ data: z.array(row), nextCursor: optionalText })
export const WorkflowPage = page(WorkflowBody)

export const ExecutionBody = z.object({
  id: z.coerce.string(),
  status: z
    .enum(['new', 'running', 'waiting', 'success', 'error', 'canceled', 'crashed', 'unknown'])
    .catch('unknown'),
  startedAt: optionalText,
  stoppedAt: optionalText,
  data: z.unknown().optional(),
})
export type ExecutionBody = z.infer<typeof ExecutionBody>
export const ExecutionPage = page(ExecutionBody)

export const ResultData = z.object({
  resultData: z.object({
    lastNodeExecuted: optionalText,
    error: z.object({ message: text }).nullish().catch(undefined),
  }),
})

/** @throws HomelabError `failed` when the answer is not of this shape */
export function read<T extends z.ZodType>(schema: T, data: unknown, path: string): z.infer<T> {
  const result = schema.safeParse(data)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue === undefined ? '' : ` (${issue.path.join('.') || 'data'}: ${issue.message})`
  throw new HomelabError('failed', `n8n answered ${path} in an unexpected form${where}.`, { data: { path } })
}
