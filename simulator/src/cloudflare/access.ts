import { Refusal, Rows } from './envelope.ts'
import { objects, string } from './json.ts'
import type { Asked, Route } from './routes.ts'
import type { App } from './world.ts'

const READ = 'Account · Access: Apps and Policies · Read'
const EDIT = 'Account · Access: Apps and Policies · Edit'
const BASE = '/accounts/:account/access'

function named({ cloud, parts: [id = ''] }: Asked): App {
  const app = cloud.world.apps.find((each) => each.id === id)
  if (app === undefined) throw new Refusal(404, 11_021, 'access.api.error.unknown_application')
  return app
}

/** @throws Refusal */
function enabled({ cloud }: Asked): void {
  if (cloud.world.team === undefined) throw new Refusal(403, 9999, 'access.api.error.not_enabled')
}

export const access: readonly Route[] = [
  {
    verb: 'GET',
    path: `${BASE}/apps`,
    permission: READ,
    run(asked) {
      enabled(asked)
      return new Rows(
        asked.cloud.world.apps.map(({ body }) => body),
        100,
        25,
      )
    },
  },
  {
    verb: 'POST',
    path: `${BASE}/apps`,
    permission: EDIT,
    run(asked) {
      enabled(asked)
      const { world } = asked.cloud
      const { body } = asked
      const domain = string(body.domain)
      if (string(body.name) === '')
        throw new Refusal(400, 12_130, 'access.api.error.invalid_request: name is required')
      if (world.zoneOf(domain.split('/')[0]?.replace(/^\*\./, '') ?? '') === undefined)
        throw new Refusal(400, 12_130, 'access.api.error.invalid_request: domain does not belong to zone')
      if (objects(body.policies).some(({ include }) => objects(include).length === 0))
        throw new Refusal(400, 12_130, 'access.api.error.invalid_request: include is required')
      // One hostname and path are one application's.
      if (world.apps.some((app) => app.body.domain === domain))
        throw new Refusal(409, 11_010, 'access.api.error.application_already_exists')
      return world.addApp(body).body
    },
  },
  {
    verb: 'GET',
    path: `${BASE}/apps/:app`,
    permission: READ,
    run: (asked) => named(asked).body,
  },
  {
    verb: 'DELETE',
    path: `${BASE}/apps/:app`,
    permission: EDIT,
    run(asked) {
      const app = named(asked)
      asked.cloud.world.apps = asked.cloud.world.apps.filter((each) => each !== app)
      return { id: app.id }
    },
  },
  {
    verb: 'GET',
    path: `${BASE}/organizations`,
    permission: 'Account · Access: Organizations, Identity Providers, and Groups · Read',
    run(asked) {
      enabled(asked)
      return { name: 'Home', auth_domain: `${asked.cloud.world.team}.cloudflareaccess.com` }
    },
  },
]
