/** `npm start`: the bot on the lab of homelab.yaml, or on the built-in simulated one. */
import { flushCompileCache } from 'node:module'
import { parseArgs } from 'node:util'
import { isHomelabError } from '@homelab/core'
import { pino } from 'pino'
import { type Bot, startBot } from './bot.ts'
import type { ConnectorStatus } from './chat/connector.ts'
import { openSource, type Source } from './settings.ts'

const usage = `homelab: the operations desk of a Proxmox home server

  npm start -- [options]

  --config <file>   homelab.yaml to use; default: the one in this folder, else the simulated lab
  --simulate        use the simulated lab even if there is a homelab.yaml
  --port <number>   port of the console; default 8787
  --host <address>  address of the console; default 127.0.0.1
  --discord         join Discord with DISCORD_TOKEN (and DISCORD_GUILD), where homelab.yaml does not say how
  --slack           join Slack with SLACK_BOT_TOKEN and SLACK_APP_TOKEN, likewise
  --state <folder>  where runs, cards and the audit log are kept; default .homelab
  --help
`

const say = (text: string): void => void process.stdout.write(`${text}\n`)

function flags() {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      simulate: { type: 'boolean' },
      discord: { type: 'boolean' },
      slack: { type: 'boolean' },
      port: { type: 'string' },
      host: { type: 'string' },
      state: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const port = values.port === undefined ? undefined : Number(values.port)
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new TypeError(`--port is a number from 0 to 65535, not "${values.port}"`)
  }
  return { ...values, port }
}

async function main(): Promise<void> {
  const options = flags()
  if (options.help === true) return say(usage)
  const log = pino({ level: process.env.LOG_LEVEL ?? 'warn', base: null }, pino.destination(2))
  const source = await openSource(options)
  let bot: Bot
  try {
    bot = await startBot({ source, log, host: options.host, port: options.port })
  } catch (error) {
    if (source.simulated?.startedHere === true) await source.simulated.stop()
    throw error
  }
  process.on('SIGHUP', () => void reload(source))
  let stopping = false
  const stop = async (signal: NodeJS.Signals) => {
    // A group and its parent both pass the signal on: the second one must not cut the first one's work short.
    if (stopping) return
    stopping = true
    say(`\n${signal}: stopping. Runs that go on are taken up at the next start.`)
    await bot[Symbol.asyncDispose]()
    await source.simulated?.stop()
    process.exit(0)
  }
  process.on('SIGINT', (signal) => void stop(signal))
  process.on('SIGTERM', (signal) => void stop(signal))
  // Last: who reads that it is ready may end it at once.
  greet(bot, source)
  void bot.platforms.started.then(() => bot.platforms.statuses().forEach(sayStatus))
  // A bot runs for months and may be killed: what it compiled is kept now, not at its end.
  flushCompileCache()
}

function greet(bot: Bot, source: Source): void {
  say(`homelab is ready: ${bot.url}`)
  if (source.simulated !== undefined) {
    say(
      'This is a simulated lab: nothing you do here is real. To use your own, see "Connect a real lab" in README.md.',
    )
    if (source.simulated.about !== undefined) say(source.simulated.about)
  }
  say('Try: /homelab restart plex')
}

/** Later changes are in the log, in `/healthz`, and in the ops channel. */
function sayStatus({ platform, state, problem, hint }: ConnectorStatus): void {
  say(`${platform}: ${state}${problem === undefined ? '' : `: ${problem}`}`)
  if (hint !== undefined) say(`  ${hint}`)
}

async function reload({ file }: Source): Promise<void> {
  if (file === undefined) return say('SIGHUP: there is no homelab.yaml to read again.')
  const { outcome, ...rest } = await file.reload()
  if (outcome === 'broken' && 'error' in rest) {
    say(`SIGHUP: ${file.path} is broken; the old one stays in use.\n${rest.error.message}`)
  } else {
    say(
      outcome === 'same'
        ? `SIGHUP: ${file.path} has not changed.`
        : `SIGHUP: ${file.path} is in use. How to reach Proxmox, SSH and the console is read at the start only.`,
    )
  }
}

try {
  await main()
} catch (error) {
  if (!isHomelabError(error) && !(error instanceof TypeError)) throw error
  process.stderr.write(`homelab: ${error.message}\n`)
  if (isHomelabError(error) && error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`)
  process.exitCode = 1
}
