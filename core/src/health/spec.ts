import { z } from 'zod'

const Port = z
  .int('a port is a whole number from 1 to 65535')
  .min(1, 'a port is a whole number from 1 to 65535')
  .max(65535, 'a port is a whole number from 1 to 65535')

const Path = z
  .string('a path is a text that begins with /, such as /health')
  .startsWith('/', 'a path begins with /, such as /health')

const Status = z.int().min(100, 'an HTTP status is 100 to 599').max(599, 'an HTTP status is 100 to 599')

const HttpCheck = z.strictObject({
  path: Path.optional().describe('Path to ask for; default: the path of the known service, else /'),
  url: z
    .url({
      protocol: /^https?$/,
      error: 'url begins with http:// or https:// and is asked directly, never inside the guest',
    })
    .optional()
    .describe('A whole address instead of path, port and scheme'),
  port: Port.optional(),
  scheme: z.enum(['http', 'https'], 'scheme is http or https').optional(),
  expect: z
    .union([Status, z.array(Status).min(1, 'expect lists at least one status'), z.string().min(1)], {
      error: 'expect is a status (200), a list of them ([200, 204]) or a text that the answer must hold',
    })
    .optional()
    .describe('A status, a list of them, or a text in the answer; default: 200 to 399, 401 and 403 are up'),
})

const Http = z.union([
  Path,
  HttpCheck.refine((check) => !(check.url && (check.path || check.port || check.scheme)), {
    error: 'url already holds the path, the port and the scheme: give url or those, not both',
  }),
])

const Checks = z
  .strictObject({
    http: Http.optional().describe('Ask by HTTP: a path, or {path, port, scheme, url, expect}'),
    tcp: z
      .strictObject({ port: Port.optional() })
      .optional()
      .describe('Connect to a port; PostgreSQL and Redis are also asked in their own protocol'),
    command: z
      .array(z.string(), 'command is a list: ["systemctl", "is-active", "plex"]')
      .min(1, 'command names at least a program')
      .optional()
      .describe('Run inside the container; exit code 0 is up'),
  })
  .refine((check) => Object.values(check).filter((part) => part !== undefined).length === 1, {
    error: 'give exactly one of http, tcp and command, or the word none',
  })

interface Issue {
  readonly path?: readonly PropertyKey[]
  readonly message?: string
  readonly errors?: readonly (readonly Issue[])[]
}

/** A union says only `Invalid input`; what is wrong stands in the branch that has the input's shape, the last one. */
function branchMessage(issue: Issue): string | undefined {
  const inner = issue.errors?.at(-1)?.[0]
  if (inner === undefined) return undefined
  const message = inner.message === 'Invalid input' ? branchMessage(inner) : inner.message
  return message === undefined ? undefined : [...(inner.path ?? []).map(String), message].join(': ')
}

/** `health:` of a service in homelab.yaml. */
export const CheckSpec = z.union([z.literal('none'), Checks], {
  error: (issue) =>
    typeof issue.input === 'object' && issue.input !== null
      ? branchMessage(issue as Issue)
      : 'health is none, {http: /path}, {tcp: {port: 1234}} or {command: [program, argument]}',
})
export type CheckSpec = z.infer<typeof CheckSpec>
export type HttpCheckSpec = z.infer<typeof HttpCheck>
