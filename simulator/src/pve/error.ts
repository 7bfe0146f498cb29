/** A refusal as the server words it: `message` goes into the status line. */
export class PveError extends Error {
  readonly status: number
  readonly errors: Readonly<Record<string, string>> | undefined

  constructor(status: number, message: string, errors?: Readonly<Record<string, string>>) {
    super(message)
    this.name = 'PveError'
    this.status = status
    this.errors = errors
  }
}

/** What `die` in a method of the real API becomes. */
export const die = (message: string): PveError => new PveError(500, message)

export const badParameters = (errors: Readonly<Record<string, string>>): PveError =>
  new PveError(400, 'Parameter verification failed.', errors)
