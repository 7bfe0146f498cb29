/** What answering at once costs: the bot's own HTTP server with nothing behind it. */
import { serve } from '../../../bot/src/api/serve.ts'

const served = await serve(
  { fetch: async (request: Request) => Response.json(await request.json(), { status: 202 }) },
  { host: '127.0.0.1', port: 0, setting: 'the port' },
)
process.stdout.write(`${served.url}\n`)
