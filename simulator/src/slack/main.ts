/** A Slack as a process: one JSON line on stdout when it listens, then it runs until it is told to end. */
import { serveControl } from '../process/control.ts'
import type { Running } from '../process/run.ts'
import { runProcess } from '../process/run.ts'
import { serveApi } from './api/server.ts'
import { controlRoutes } from './control.ts'
import type { Options } from './options.ts'
import { parseOptions, usage } from './options.ts'
import { createSlack } from './slack.ts'

async function start(options: Options): Promise<Running> {
  const slack = createSlack(options)
  const api = await serveApi(slack, options.port)
  const control = await serveControl(controlRoutes(slack))
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
  return { ready, close: [api.close, control.close] }
}

runProcess({ name: 'slack', usage, parseOptions, start })
