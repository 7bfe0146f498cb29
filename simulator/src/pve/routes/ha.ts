import type { Guest } from '../../lab/model.ts'
import { nameOf } from '../../lab/model.ts'
import { badParameters, die } from '../error.ts'
import { maybe, oneOf, text } from '../params.ts'
import type { Call, Route } from '../route.ts'

const sidOf = (guest: Guest): string => `${guest.type === 'lxc' ? 'ct' : 'vm'}:${guest.vmid}`

const managed = ({ sim }: Call): readonly Guest[] =>
  sim.faults.empty ? [] : [...sim.lab.guests.values()].filter((guest) => guest.ha)

export const haRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/cluster/ha/resources',
    params: { type: maybe(oneOf('ct', 'vm')) },
    allow: { path: '/', privs: ['Sys.Audit'] },
    handle: (call) =>
      managed(call)
        .map((guest) => ({
          sid: sidOf(guest),
          type: guest.type === 'lxc' ? 'ct' : 'vm',
          state: guest.ha,
          digest: '',
        }))
        .filter(({ type }) => call.values.type === undefined || type === call.values.type),
  },
  {
    verb: 'POST',
    path: '/cluster/ha/resources',
    params: {
      sid: text,
      type: maybe(oneOf('ct', 'vm')),
      state: maybe(oneOf('started', 'stopped', 'enabled', 'disabled', 'ignored')),
      comment: maybe(text),
    },
    allow: { path: '/', privs: ['Sys.Console'] },
    handle: ({ sim, values }) => {
      const sid = values.sid ?? ''
      const guest = sim.lab.guests.get(Number(sid.split(':').at(-1)))
      if (!guest) throw badParameters({ sid: `unable to find service '${sid}'` })
      if (guest.ha) throw die(`resource ID '${sidOf(guest)}' already defined`)
      guest.ha = values.state === 'stopped' ? 'stopped' : 'started'
      sim.lab.touch()
      return null
    },
  },
  {
    verb: 'GET',
    path: '/cluster/ha/status/current',
    allow: { path: '/', privs: ['Sys.Audit'] },
    handle: (call) => [
      { id: 'quorum', type: 'quorum', node: call.local, status: 'OK', quorate: 1 },
      ...managed(call).map((guest) => ({
        id: `service:${sidOf(guest)}`,
        type: 'service',
        sid: sidOf(guest),
        node: guest.node,
        state: guest.ha,
        request_state: guest.ha,
        crm_state: guest.ha,
        status: `${sidOf(guest)} (${guest.node}, ${guest.ha}) ${nameOf(guest)}`,
      })),
    ],
  },
]
