/** Application commands, global or of the server. */
import type { Json } from '../../check/form.ts'
import { isJson } from '../../check/form.ts'
import { ApiError, refuse } from '../../error.ts'
import type { Call, Route } from '../route.ts'
import { nothing, ok } from '../route.ts'

type ScopeOf = (call: Call) => string

/** @throws ApiError 10002, 50001 */
function own({ peer, param }: Call): void {
  if (param('application') !== peer.world.application) throw refuse('unknownApplication')
}

const global: ScopeOf = (call) => {
  own(call)
  return 'global'
}

const guild: ScopeOf = (call) => {
  own(call)
  const { peer, param } = call
  const { world, faults } = peer
  if (param('guild') !== world.guild.id || !world.botIsIn || faults.noCommandScope)
    throw refuse('missingAccess')
  return param('guild')
}

function bodies({ raw }: Call): readonly Json[] {
  if (Array.isArray(raw) && raw.every(isJson)) return raw
  throw new ApiError(400, 50035, 'Invalid Form Body', {
    _errors: [{ code: 'BASE_TYPE_LIST', message: 'Only list values are allowed' }],
  })
}

const under = (path: string, scope: ScopeOf): readonly Route[] => [
  { method: 'GET', path, handle: (call) => ok(call.peer.commands.list(scope(call))) },
  {
    method: 'PUT',
    path,
    handle: (call) => ok(call.peer.commands.replaceAll(scope(call), bodies(call))),
  },
  {
    method: 'POST',
    path,
    limit: { count: 5, windowMs: 20_000 },
    handle: (call) => {
      const { command, isNew } = call.peer.commands.create(scope(call), call.body)
      return { status: isNew ? 201 : 200, body: command }
    },
  },
  {
    method: 'GET',
    path: `${path}/:command`,
    handle: (call) => ok(call.peer.commands.get(scope(call), call.param('command'))),
  },
  {
    method: 'PATCH',
    path: `${path}/:command`,
    limit: { count: 5, windowMs: 20_000 },
    handle: (call) => ok(call.peer.commands.edit(scope(call), call.param('command'), call.body)),
  },
  {
    method: 'DELETE',
    path: `${path}/:command`,
    limit: { count: 5, windowMs: 20_000 },
    handle: (call) => {
      call.peer.commands.remove(scope(call), call.param('command'))
      return nothing
    },
  },
]

export const commandRoutes: readonly Route[] = [
  ...under('/applications/:application/commands', global),
  ...under('/applications/:application/guilds/:guild/commands', guild),
]
