import { z } from 'zod'
import { JsonValue } from '../schemas.ts'

/** RunView as an operation returns it. */
export const RunRow = z.object({
  id: z.string(),
  operation: z.string(),
  title: z.string(),
  input: JsonValue,
  caller: z.object({ id: z.string(), name: z.string() }),
  state: z.enum(['queued', 'waiting', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled']),
  createdAt: z.string(),
  startedAt: z.string().optional(),
  finishedAt: z.string().optional(),
  progress: z
    .object({
      text: z.string(),
      done: z.number().optional(),
      total: z.number().optional(),
      unit: z.enum(['bytes', 'items', 'percent']).optional(),
    })
    .optional(),
  waitingFor: z.object({ lock: z.string(), run: z.string() }).optional(),
  result: JsonValue.optional(),
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      hint: z.string().optional(),
      data: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
})

export const runInput = z.string().describe('Run id, or its first letters').meta({ suggest: 'runs' })
