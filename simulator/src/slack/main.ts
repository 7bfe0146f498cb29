/** A Slack as a process: one JSON line on stdout when it listens, then it runs until it is told to end. */
import { serveApi } from './api/server.ts'
import { serveControl } from './control.ts'
import { parseOptions, usage } from './options.ts'
import { createSlack } from './slack.ts'

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args)
  const slack = createSlack(options)
  const api = await serveApi(slack, options.port)
  const control = await serveControl(slack)
  const { app, workspace } = slack
  const ready = {
    api: `${slack.origin}/api/`,
    botToken: app.botToken,
    appToken: app.appToken,
    signingSecret: app.signingSecret,
    team: workspace.team,
    appId: app.id,
    botId: app.botId,
    botUser: workspace.bot.id,
    command: options.command,
    users: Object.fromEntries(
      [...workspace.users.values()].filter(({ bot }) => !bot).map(({ name, id }) => [name, id]),
    ),
    channels: Object.fromEntries([...workspace.channels.values()].map(({ name, id }) => [name, id])),
    groups: Object.fromEntries([...workspace.groups.values()].map(({ handle, id }) => [handle, id])),
    control: control.url,
    pid: process.pid,
  }

  let ending = false
  const end = (): void => {
    if (ending) return
    ending = true
    void Promise.allSettled([api.close(), control.close()]).then(() => process.exit(0))
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

if (process.argv.includes('--help')) process.stdout.write(`${usage}\n`)
else {
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`slack: ${error instanceof Error ? error.message : String(error)}\n${usage}\n`)
    process.exit(2)
  })
}
