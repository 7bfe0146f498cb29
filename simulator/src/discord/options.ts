import { parseArgs } from 'node:util'

export interface Options {
  /** Port of the REST API and the gateway; 0 lets the system choose. */
  readonly port: number
  /** Fixes the token. */
  readonly seed: number | undefined
  /** Channels `c-001`, `c-002`, … beside those that have a name. */
  readonly channels: number
  /** Messages kept in each channel; older ones are forgotten, as if deleted. */
  readonly keep: number
  /** Factor on heartbeats and rate-limit windows: 0.1 is ten times faster than the real one. */
  readonly speed: number
  /** End when stdin closes: a dead test run leaves nothing behind. */
  readonly withParent: boolean
}

export const usage = `Usage: node simulator/src/discord/main.ts [options]
  --port N         port of the REST API and the gateway (default: any free one)
  --seed N         the same token at every start
  --channels N     channels c-001, c-002, … beside ops, general, lab-log and admins (default 0)
  --keep N         messages kept in each channel (default 500)
  --speed F        factor on heartbeats and rate-limit windows, never on the 3 s and 15 min (default 1)
  --with-parent    end when stdin closes`

function count(name: string, text: string | undefined, fallback: number, smallest = 0): number {
  const value = text === undefined ? fallback : Number(text)
  if (!Number.isSafeInteger(value) || value < smallest) {
    throw new Error(`--${name} must be a whole number of at least ${smallest}, not "${text}"`)
  }
  return value
}

/** @throws Error with a sentence for the person who typed the command */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string' },
      seed: { type: 'string' },
      channels: { type: 'string' },
      keep: { type: 'string' },
      speed: { type: 'string' },
      'with-parent': { type: 'boolean' },
    },
  })
  const speed = values.speed === undefined ? 1 : Number(values.speed)
  if (!(speed > 0)) throw new Error(`--speed must be a number above 0, not "${values.speed}"`)
  return {
    port: count('port', values.port, 0),
    seed: values.seed === undefined ? undefined : count('seed', values.seed, 0),
    channels: count('channels', values.channels, 0),
    keep: count('keep', values.keep, 500, 1),
    speed,
    withParent: values['with-parent'] ?? false,
  }
}
