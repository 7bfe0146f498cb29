import { z } from 'zod'
import type { Operation } from './types.ts'

/** What an operation returns, as JSON Schema. */
export const outputSchema = ({ output }: Pick<Operation, 'output'>): z.core.JSONSchema.BaseSchema =>
  z.toJSONSchema(output, { io: 'output', unrepresentable: 'any' })
