import { z } from 'zod'

export const planInput = z.string().describe('Backup plan').meta({ suggest: 'backups' })

export const repositoryInput = z
  .string()
  .optional()
  .describe('Only in this repository; default: all of the plan')

export const Shrunk = z.object({
  what: z.enum(['bytes', 'rows', 'files']),
  before: z.number(),
  now: z.number(),
  percent: z.number(),
})

/** `bytes: 40 % less than before`. */
export const shrunkText = ({ what, percent }: z.infer<typeof Shrunk>): string =>
  `${what}: ${Math.round(percent)} % less than in the largest that is kept`
