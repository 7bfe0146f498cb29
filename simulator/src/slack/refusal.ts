import type { Json } from './json.ts'

/** `{ ok: false, error, … }`, as the Web API answers with status 200. */
export class Refusal extends Error {
  readonly code: string
  readonly details: Json

  constructor(code: string, details: Json = {}) {
    super(code)
    this.code = code
    this.details = details
  }

  /** One that names what is wrong with blocks or arguments, where Slack puts it. */
  static of(code: string, problems: readonly string[]): Refusal {
    return new Refusal(code, {
      errors: problems,
      response_metadata: { messages: problems.map((problem) => `[ERROR] ${problem}`) },
    })
  }
}
