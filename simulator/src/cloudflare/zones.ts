import { domainToASCII } from 'node:url'
import { may } from './auth.ts'
import { Refusal, Rows } from './envelope.ts'
import { type Json, string } from './json.ts'
import type { Asked, Route } from './routes.ts'
import type { DnsRecord, Zone } from './world.ts'

const READ = 'Zone · DNS · Read'
const EDIT = 'Zone · DNS · Edit'
const BASE = '/zones/:zone/dns_records'
const SAME_NAME =
  'For more details, refer to <https://developers.cloudflare.com/dns/manage-dns-records/troubleshooting/records-with-same-name/>.'
/** Of the Free plan. */
const COMMENT = 100

const view = (record: DnsRecord): Json => ({
  id: record.id,
  name: record.name,
  type: record.type,
  content: record.content,
  proxiable: ['A', 'AAAA', 'CNAME'].includes(record.type),
  proxied: record.proxied,
  ttl: record.ttl,
  settings: {},
  meta: {},
  comment: record.comment,
  tags: [],
  created_on: record.createdOn,
  modified_on: record.modifiedOn,
})

const invalid = (code: number, message: string): Refusal =>
  new Refusal(400, 1004, 'DNS Validation Error', [{ code, message }])

const zoneOf = ({ cloud, zone }: Asked): Zone => {
  const found = cloud.world.zones.find(({ id }) => id === zone)
  if (found === undefined) throw new Refusal(403, 9109, 'Unauthorized to access requested resource')
  return found
}

function recordOf(asked: Asked): DnsRecord {
  const record = zoneOf(asked).records.get(asked.parts[0] ?? '')
  if (record === undefined) throw new Refusal(404, 81_044, 'Record does not exist.')
  return record
}

/** The whole name, in Punycode: one that lacks its zone gets it. */
function wholeName(text: string, { name: zone }: Zone): string {
  const name = text.toLowerCase().replace(/\.$/, '')
  const star = name.startsWith('*.') ? '*.' : ''
  const ascii = star + domainToASCII(name.slice(star.length))
  if (ascii === '@') return zone
  return ascii === zone || ascii.endsWith(`.${zone}`) ? ascii : `${ascii}.${zone}`
}

/** @throws Refusal */
function checked(
  zone: Zone,
  body: Json,
  old?: DnsRecord,
): Omit<DnsRecord, 'id' | 'createdOn' | 'modifiedOn'> {
  const type = string(body.type ?? old?.type)
  const name = wholeName(string(body.name ?? old?.name), zone)
  const content = string(body.content ?? old?.content)
  const comment = body.comment === undefined ? (old?.comment ?? null) : string(body.comment)
  if (name.length > 253 || name.split('.').some((label) => label === '' || label.length > 63))
    throw invalid(9000, 'DNS name is invalid.')
  if (content === '') throw invalid(9005, `Content for ${type} record is invalid.`)
  if (type === 'CNAME' && !/^[a-z0-9_.-]+$/i.test(content))
    throw invalid(9007, 'Content for CNAME record is invalid.')
  if (comment !== null && [...comment].length > COMMENT)
    throw new Refusal(400, 9313, `DNS record comment exceeds the maximum length of ${COMMENT} characters.`)
  const others = [...zone.records.values()].filter((record) => record !== old && record.name === name)
  const addresses = ['A', 'AAAA', 'CNAME']
  if (type === 'CNAME' && others.some((record) => addresses.includes(record.type)))
    throw new Refusal(400, 81_053, `An A, AAAA, or CNAME record with that host already exists. ${SAME_NAME}`)
  if ((type === 'A' || type === 'AAAA') && others.some((record) => record.type === 'CNAME'))
    throw new Refusal(400, 81_054, `A CNAME record with that host already exists. ${SAME_NAME}`)
  if (others.some((record) => record.type === type && record.content === content))
    throw new Refusal(400, 81_058, 'An identical record already exists.')
  const proxied = addresses.includes(type) && (body.proxied ?? old?.proxied ?? false) === true
  const ttl = proxied ? 1 : Number(body.ttl ?? old?.ttl ?? 1)
  return { type, name, content, comment, proxied, ttl }
}

function fits(record: DnsRecord, query: URLSearchParams): boolean {
  const same = (field: 'name' | 'content' | 'type'): boolean => {
    const wanted = query.get(`${field}.exact`) ?? query.get(field)
    return wanted === null || record[field].toLowerCase() === wanted.toLowerCase()
  }
  return same('name') && same('content') && same('type')
}

export const zones: readonly Route[] = [
  {
    verb: 'GET',
    path: '/zones',
    run({ cloud, token, query }) {
      if (!may(token, 'Zone · Zone · Read'))
        throw new Refusal(403, 9109, 'Unauthorized to access requested resource')
      const { world } = cloud
      const account = query.get('account.id')
      const name = query.get('name')
      const rows = world.zones.filter(
        (zone) =>
          (token.zones?.includes(zone.name) ?? true) &&
          (account === null || zone.account === account) &&
          (name === null || zone.name === name),
      )
      const shown = rows.map((zone) => ({
        id: zone.id,
        name: zone.name,
        status: zone.status,
        paused: false,
        type: 'full',
        account: { id: zone.account, name: 'Home' },
      }))
      return new Rows(shown, 50, 20)
    },
  },
  {
    verb: 'GET',
    path: BASE,
    permission: READ,
    run: (asked) => {
      const rows = [...zoneOf(asked).records.values()].filter((record) => fits(record, asked.query))
      return new Rows(rows.map(view), 5_000_000, 100)
    },
  },
  {
    verb: 'POST',
    path: BASE,
    permission: EDIT,
    run(asked) {
      const zone = zoneOf(asked)
      return view(asked.cloud.world.addRecord(zone, checked(zone, asked.body)))
    },
  },
  {
    verb: 'PATCH',
    path: `${BASE}/:record`,
    permission: EDIT,
    run(asked) {
      const record = recordOf(asked)
      Object.assign(record, checked(zoneOf(asked), asked.body, record), {
        modifiedOn: asked.cloud.world.now(),
      })
      return view(record)
    },
  },
  {
    verb: 'DELETE',
    path: `${BASE}/:record`,
    permission: EDIT,
    run(asked) {
      const { id } = recordOf(asked)
      zoneOf(asked).records.delete(id)
      return { id }
    },
  },
]
