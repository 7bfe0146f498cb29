/** Facts: PVE's API2/HA. Groups until PVE 8, rules from PVE 9 on. */
import { type Guest, isManaged, nameOf } from '../../lab/model.ts'
import { badParameters, die } from '../error.ts'
import { haRound } from '../ha.ts'
import { flag, maybe, oneOf, type Params, text, whole } from '../params.ts'
import type { Call, Route } from '../route.ts'

const sidOf = (guest: Guest): string => `${guest.type === 'lxc' ? 'ct' : 'vm'}:${guest.vmid}`

const known = ({ sim }: Call): readonly Guest[] =>
  sim.faults.empty ? [] : [...sim.lab.guests.values()].filter((guest) => guest.ha)

const resource = (guest: Guest): object => ({
  sid: sidOf(guest),
  type: guest.type === 'lxc' ? 'ct' : 'vm',
  state: guest.ha,
  ...Object.fromEntries(
    Object.entries(guest.haOptions ?? {}).map(([key, value]) => [
      key,
      key.startsWith('max_') ? Number(value) : value,
    ]),
  ),
  digest: '',
})

function guestFor({ sim, values }: Call): Guest {
  const sid = values.sid ?? ''
  const guest = sim.lab.guests.get(Number(sid.split(':').at(-1)))
  if (!guest) throw badParameters({ sid: `unable to find service '${sid}'` })
  return guest
}

function managed(call: Call): Guest {
  const guest = guestFor(call)
  if (!guest.ha) throw die(`no such resource '${sidOf(guest)}'`)
  return guest
}

const stateOf = (value: string | undefined): NonNullable<Guest['ha']> =>
  value === 'stopped' || value === 'disabled' || value === 'ignored' ? value : 'started'

const options = ({ group, comment, max_restart, max_relocate }: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries({ group, comment, max_restart, max_relocate }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  )

const shared: Params = {
  comment: maybe(text),
  group: maybe({ type: 'string', format: 'configid' }),
  max_restart: whole(0),
  max_relocate: whole(0),
  state: maybe(oneOf('started', 'stopped', 'enabled', 'disabled', 'ignored')),
}

const audit = { path: '/', privs: ['Sys.Audit'] }
const admin = { path: '/', privs: ['Sys.Console'] }

function status(call: Call): readonly object[] {
  const { sim, local } = call
  const master = sim.lab.nodes.find(({ name }) => sim.lab.online(name))?.name ?? local
  const timestamp = sim.clock.seconds()
  const all = known(call)
  const at = new Date(sim.clock.now()).toUTCString()
  return [
    { id: 'quorum', type: 'quorum', node: local, status: 'OK', quorate: sim.lab.quorate() ? 1 : 0 },
    ...(all.length === 0
      ? []
      : [
          { id: 'master', type: 'master', node: master, status: `${master} (active, ${at})`, timestamp },
          ...sim.lab.nodes.map(({ name }) => ({
            id: `lrm:${name}`,
            type: 'lrm',
            node: name,
            status: `${name} (${sim.lab.online(name) ? 'active' : 'old timestamp - dead?'}, ${at})`,
            timestamp,
          })),
        ]),
    ...all.map((guest) => ({
      id: `service:${sidOf(guest)}`,
      type: 'service',
      sid: sidOf(guest),
      node: guest.node,
      state: guest.ha,
      request_state: guest.ha,
      crm_state: guest.ha,
      status: `${sidOf(guest)} (${guest.node}, ${guest.ha}) ${nameOf(guest)}`,
    })),
  ]
}

export const haRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/cluster/ha/resources',
    params: { type: maybe(oneOf('ct', 'vm')) },
    allow: audit,
    handle: (call) =>
      known(call)
        .filter(
          ({ type }) => call.values.type === undefined || (type === 'lxc') === (call.values.type === 'ct'),
        )
        .map(resource),
  },
  {
    verb: 'POST',
    path: '/cluster/ha/resources',
    params: { sid: text, type: maybe(oneOf('ct', 'vm')), ...shared },
    allow: admin,
    handle: (call) => {
      const { sim, values } = call
      const guest = guestFor(call)
      if (guest.ha) throw die(`resource ID '${sidOf(guest)}' already defined`)
      if (values.group !== undefined && !sim.ha.groups.has(values.group))
        throw die(`unknown group '${values.group}'`)
      sim.journal.change(guest.vmid, 'haadd')
      guest.ha = stateOf(values.state)
      guest.haOptions = options(values)
      sim.lab.touch()
      if (isManaged(guest)) haRound(sim, guest)
      return null
    },
  },
  {
    verb: 'GET',
    path: '/cluster/ha/resources/{sid}',
    allow: audit,
    handle: (call) => resource(managed(call)),
  },
  {
    verb: 'PUT',
    path: '/cluster/ha/resources/{sid}',
    params: { ...shared, delete: maybe(text), digest: maybe(text) },
    allow: admin,
    handle: (call) => {
      const { sim, values } = call
      const guest = managed(call)
      sim.journal.change(guest.vmid, 'haset')
      if (values.state !== undefined) guest.ha = stateOf(values.state)
      guest.haOptions = { ...guest.haOptions, ...options(values) }
      sim.lab.touch()
      if (isManaged(guest)) haRound(sim, guest)
      return null
    },
  },
  {
    verb: 'DELETE',
    path: '/cluster/ha/resources/{sid}',
    allow: admin,
    handle: (call) => {
      const guest = managed(call)
      call.sim.journal.change(guest.vmid, 'haremove')
      guest.ha = undefined
      guest.haOptions = {}
      call.sim.lab.touch()
      return null
    },
  },
  {
    verb: 'GET',
    path: '/cluster/ha/groups',
    allow: audit,
    handle: ({ sim }) => {
      if (sim.options.pve >= '9') throw die('cannot index groups: ha groups have been migrated to rules')
      return [...sim.ha.groups.entries()].map(([group, rest]) => ({
        group,
        type: 'group',
        ...rest,
        digest: '',
      }))
    },
  },
  {
    verb: 'POST',
    path: '/cluster/ha/groups',
    params: {
      group: { type: 'string', format: 'configid' },
      nodes: text,
      comment: maybe(text),
      nofailback: flag,
      restricted: flag,
      type: maybe(oneOf('group')),
    },
    allow: admin,
    handle: ({ sim, values }) => {
      const { group = '', nodes = '', restricted, nofailback, comment } = values
      sim.ha.groups.set(group, {
        nodes,
        ...(restricted && { restricted: Number(restricted) }),
        ...(nofailback && { nofailback: Number(nofailback) }),
        ...(comment && { comment }),
      })
      return null
    },
  },
  {
    verb: 'GET',
    path: '/cluster/ha/status/current',
    allow: audit,
    handle: status,
  },
]

/** Of PVE 9 only, and so not in the schema of 8. */
export const haRuleRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/cluster/ha/rules',
    params: { type: maybe(oneOf('node-affinity', 'resource-affinity')), resource: maybe(text) },
    allow: audit,
    handle: ({ sim }) => [...sim.ha.rules.entries()].map(([rule, rest]) => ({ rule, ...rest, digest: '' })),
  },
  {
    verb: 'POST',
    path: '/cluster/ha/rules',
    params: {
      rule: { type: 'string', format: 'configid' },
      type: oneOf('node-affinity', 'resource-affinity'),
      resources: text,
      nodes: maybe(text),
      strict: flag,
      affinity: maybe(oneOf('positive', 'negative')),
      comment: maybe(text),
      disable: flag,
    },
    allow: admin,
    handle: ({ sim, values }) => {
      const { rule = '', ...rest } = values
      sim.ha.rules.set(rule, rest)
      return null
    },
  },
]
