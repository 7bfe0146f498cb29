/** A peer as a process: one JSON line on stdout when everything listens, then it runs until it is told to end. */

export interface Running {
  /** The line: addresses and secrets for who started it. */
  readonly ready: object
  /** For a clean end. One that fails does not keep the others open. */
  readonly close: readonly (() => Promise<unknown>)[]
}

export interface Program<Options> {
  /** Stands before what it has to complain about. */
  readonly name: string
  readonly usage: string
  /** @throws Error with a sentence for the person who typed the command */
  parseOptions(args: readonly string[]): Options
  start(options: Options): Promise<Running>
}

interface EveryOption {
  /** End when stdin closes: a dead test run leaves nothing behind. */
  readonly withParent: boolean
}

async function run<Options extends EveryOption>(program: Program<Options>, args: readonly string[]) {
  const options = program.parseOptions(args)
  const { ready, close } = await program.start(options)
  let ending = false
  const end = (): void => {
    if (ending) return
    ending = true
    void Promise.allSettled(close.map((one) => one())).then(() => process.exit(0))
  }
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
  if (options.withParent) {
    process.stdin.resume()
    process.stdin.once('end', end)
    process.stdin.once('error', end)
  }
  // Last, so that who reads it may end this process at once.
  process.stdout.write(`${JSON.stringify(ready)}\n`)
}

export function runProcess<Options extends EveryOption>(program: Program<Options>): void {
  const args = process.argv.slice(2)
  if (args.includes('--help')) {
    process.stdout.write(`${program.usage}\n`)
    return
  }
  run(program, args).catch((error: unknown) => {
    const problem = error instanceof Error ? error.message : String(error)
    process.stderr.write(`${program.name}: ${problem}\n${program.usage}\n`)
    process.exit(2)
  })
}
