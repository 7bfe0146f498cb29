import { Arguments } from '../process/options.ts'

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

/** @throws Error with a sentence for the person who typed the command */
export function parseOptions(args: readonly string[]): Options {
  const given = new Arguments(args, ['port', 'seed', 'channels', 'keep', 'speed'])
  return {
    port: given.wholeNumber('port', 0),
    seed: given.wholeNumber('seed', undefined),
    channels: given.wholeNumber('channels', 0),
    keep: given.wholeNumber('keep', 500, 1),
    speed: given.factor('speed'),
    withParent: given.withParent,
  }
}
