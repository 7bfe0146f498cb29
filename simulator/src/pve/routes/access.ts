import { die, PveError } from '../error.ts'
import { flag, maybe, text } from '../params.ts'
import type { Route } from '../route.ts'
import { permit } from '../route.ts'

export const accessRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/version',
    allow: 'all',
    handle: ({ sim }) => {
      const release = sim.options.pve
      return {
        release,
        repoid: release >= '9' ? 'a3a7f5ba0d2d2c1b' : '9b1ba5b3c4d5e6f7',
        version: release >= '9' ? '9.0.11' : '8.4.5',
      }
    },
  },
  { verb: 'GET', path: '/access/ticket', allow: 'world', handle: () => null },
  {
    verb: 'POST',
    path: '/access/ticket',
    params: {
      username: text,
      password: text,
      realm: maybe(text),
      otp: maybe(text),
      path: { type: 'string', optional: true, requires: 'privs' },
      privs: { type: 'string', optional: true, requires: 'path' },
      'new-format': flag,
      'tfa-challenge': maybe(text),
    },
    allow: 'world',
    handle: ({ sim, auth, values }) => {
      const given = values.username ?? ''
      const user = given.includes('@') ? given : `${given}@${values.realm ?? 'pam'}`
      const password = values.password ?? ''
      // A ticket that is still good may be posted as the password: that is how it is renewed.
      if (!sim.access.passwordFits(user, password) && auth.userOf(password) !== user)
        throw new PveError(401, 'authentication failure')
      return {
        username: user,
        ticket: auth.ticket(user),
        CSRFPreventionToken: auth.csrf(user),
        cap: Object.fromEntries(['access', 'dc', 'nodes', 'storage', 'vms'].map((part) => [part, {}])),
      }
    },
  },
  {
    verb: 'GET',
    path: '/access/permissions',
    params: {
      path: maybe(text),
      userid: maybe({ type: 'string', pattern: /^[^\s:/]+@[A-Za-z][\w.-]+(![A-Za-z][\w.-]+)?$/ }),
    },
    allow: 'all',
    handle: ({ sim, caller, values }) => {
      const wanted = values.userid ?? caller.id
      const user = wanted.split('!')[0] ?? wanted
      if (wanted !== caller.id && user !== caller.id) permit(sim, caller, '/access', ['Sys.Audit'])
      if (!sim.access.hasUser(user)) throw die(`no such user ('${user}')`)
      return sim.access.effective({ id: wanted, user }, values.path)
    },
  },
]
