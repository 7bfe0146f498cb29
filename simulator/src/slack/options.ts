import { Arguments } from '../process/options.ts'

export interface Options {
  /** Port of the Web API; 0 lets the system choose. */
  readonly port: number
  /** Fixes every id and secret. */
  readonly seed: number | undefined
  /** Factor on the waits before an event is sent again: 1 is as on the real one, 0.1 takes a tenth of the time. */
  readonly speed: number
  /** Milliseconds between the pings of the server. */
  readonly pingMs: number
  /** Milliseconds in which an envelope or a request must be acknowledged. */
  readonly ackMs: number
  /** Channels beside those of the family, named `c1` to `cN`: everybody and the bot are in them. */
  readonly channels: number
  /** Messages that each channel keeps; older ones are gone, as if they had been deleted. */
  readonly keep: number
  /** Factor on every rate limit: 2 allows twice as much, 0 switches them off. */
  readonly limits: number
  /** The slash command of the app's manifest. */
  readonly command: string
  /** End when stdin closes: a dead test run leaves nothing behind. */
  readonly withParent: boolean
}

export const usage = `Usage: node simulator/src/slack/main.ts [options]
  --port N         port of the Web API (default: any free one)
  --seed N         the same ids, tokens and secrets at every start
  --speed F        factor on the waits before an event is sent again: 0.1 is ten times faster (default 1)
  --ping N         milliseconds between the server's pings (default 10000)
  --ack N          milliseconds in which everything must be acknowledged (default 3000)
  --channels N     more channels, named c1 to cN, with everybody and the bot in them (default 0)
  --keep N         messages that each channel keeps (default 200)
  --limits F       factor on every rate limit; 0 switches them off (default 1)
  --command NAME   the app's slash command (default /homelab)
  --with-parent    end when stdin closes`

/** @throws Error with a sentence for the person who typed the command */
export function parseOptions(args: readonly string[]): Options {
  const given = new Arguments(args, [
    'port',
    'seed',
    'speed',
    'ping',
    'ack',
    'channels',
    'keep',
    'limits',
    'command',
  ])
  return {
    port: given.wholeNumber('port', 0),
    seed: given.wholeNumber('seed', undefined),
    speed: given.factor('speed'),
    pingMs: given.wholeNumber('ping', 10_000, 1),
    ackMs: given.wholeNumber('ack', 3000, 1),
    channels: given.wholeNumber('channels', 0),
    keep: given.wholeNumber('keep', 200, 1),
    limits: given.factor('limits', true),
    command: given.text('command') ?? '/homelab',
    withParent: given.withParent,
  }
}
