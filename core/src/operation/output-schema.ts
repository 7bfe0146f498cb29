import { z } from 'zod'
import type { Operation } from './types.ts'

/** What an operation returns, as JSON Schema. */
export const outputSchema = (operation: Operation): z.core.JSONSchema.BaseSchema =>
  z.toJSONSchema(operation.output, { io: 'output', unrepresentable: 'any' })
