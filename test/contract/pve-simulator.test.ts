/** The simulator against Proxmox's own description of its API: paths, verbs, parameters and answers. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Param } from '../../simulator/src/pve/params.ts'
import { routes } from '../../simulator/src/pve/routes/index.ts'
import { createPve } from '../support/pve.ts'
import type { Schema } from '../support/pve-schema.ts'
import { problems } from '../support/pve-schema.ts'
import type { Simulator } from '../support/simulator.ts'
import { startSimulator } from '../support/simulator.ts'

interface Method {
  readonly params?: Readonly<Record<string, Schema>>
  readonly returns?: Schema
  readonly permissions?: unknown
}

const file = fileURLToPath(new URL('../../../shared/pve-api/pve-8.4.5.json', import.meta.url))
const present = existsSync(file)
if (!present) console.warn(`SKIPPED: the official API schema is not at ${file}`)
const paths: Readonly<Record<string, Readonly<Record<string, Method>>>> = present
  ? JSON.parse(readFileSync(file, 'utf8')).paths
  : {}
const official = (path: string, verb: string): Method | undefined => paths[path]?.[verb]

describe.skipIf(!present)('what the simulator serves', () => {
  it.each(routes.map((route) => [`${route.verb} ${route.path}`, route] as const))(
    '%s is in the official schema',
    (_, route) => {
      const method = official(route.path, route.verb)
      expect(method, 'path and verb').toBeDefined()
      for (const [name, param] of Object.entries(route.params ?? {})) {
        const theirs = method?.params?.[name]
        expect(theirs, `parameter ${name}`).toBeDefined()
        expect(described(name, param), `parameter ${name}`).toEqual(described(name, theirs))
      }
      for (const [name, theirs] of Object.entries(method?.params ?? {})) {
        const inPath = route.path.includes(`{${name}}`)
        if (!theirs.optional && !inPath)
          expect(route.params?.[name], `required parameter ${name}`).toBeDefined()
      }
    },
  )

  it.each(
    routes.flatMap((route) =>
      typeof route.allow === 'object' ? [[`${route.verb} ${route.path}`, route, route.allow] as const] : [],
    ),
  )('%s asks for the official privileges', (_, route, allow) => {
    expect(official(route.path, route.verb)?.permissions).toMatchObject({
      expression: { check: ['perm', allow.path, [...allow.privs], ...(allow.any ? ['any', 1] : [])] },
    })
  })
})

/** The part of a parameter that both sides have. */
function described(name: string, param: Param | Schema | undefined): object {
  const { type, optional, enum: values, minimum, maximum } = param ?? {}
  return { name, type, optional: optional ?? false, values, minimum, maximum }
}

/** One call of each method that reads, and of each change that returns something else than a task. */
const reads = [
  '/version',
  '/access/ticket',
  '/access/permissions',
  '/cluster/resources',
  '/cluster/tasks',
  '/cluster/nextid',
  '/cluster/status',
  '/cluster/ha/resources',
  '/cluster/config/nodes',
  '/cluster/config/qdevice',
  '/cluster/ha/resources/{sid}',
  '/cluster/ha/groups',
  '/cluster/ha/status/current',
  '/cluster/replication',
  '/nodes/{node}/replication',
  '/nodes/{node}/hardware/pci',
  '/nodes/{node}/qemu/{qemu}/migrate',
  '/nodes',
  '/nodes/{node}/status',
  '/nodes/{node}/rrddata?timeframe=hour',
  '/nodes/{node}/disks/list',
  '/nodes/{node}/apt/update',
  '/nodes/{node}/aplinfo',
  '/nodes/{node}/certificates/info',
  '/nodes/{node}/tasks?source=all',
  '/nodes/{node}/lxc',
  '/nodes/{node}/qemu',
  '/nodes/{node}/lxc/{lxc}/status/current',
  '/nodes/{node}/qemu/{qemu}/status/current',
  '/nodes/{node}/lxc/{lxc}/config',
  '/nodes/{node}/qemu/{qemu}/config',
  '/nodes/{node}/lxc/{lxc}/interfaces',
  '/nodes/{node}/qemu/{qemu}/agent/network-get-interfaces',
  '/nodes/{node}/storage/local/rrddata?timeframe=month',
  '/nodes/{node}/lxc/{lxc}/rrddata?timeframe=day',
  '/nodes/{node}/qemu/{qemu}/rrddata?timeframe=day',
  '/nodes/{node}/lxc/{lxc}/feature?feature=snapshot',
  '/nodes/{node}/qemu/{qemu}/feature?feature=snapshot',
  '/nodes/{node}/lxc/{lxc}/snapshot',
  '/nodes/{node}/qemu/{qemu}/snapshot',
  '/nodes/{node}/storage',
  '/nodes/{node}/storage/local/status',
  '/nodes/{node}/storage/local/content',
  '/nodes/{node}/storage/local/content/{archive}',
  '/nodes/{node}/storage/local/prunebackups',
  '/nodes/{node}/vzdump/extractconfig?volume={archive}',
] as const

describe.skipIf(!present)('what the simulator answers', () => {
  let simulator: Simulator
  beforeAll(async () => {
    simulator = await startSimulator({ seed: 1, speed: 0.05 })
    await simulator.changeGuest(123, { ha: 'started' })
    await simulator.fault({ updates: ['openssl', 'pve-manager'] })
    const pve = createPve(simulator.lab)
    const upid = (await pve.post('/nodes/pve/lxc/102/snapshot', { snapname: 'before' })).data
    await simulator.waitFor({ kind: 'task', upid: String(upid), status: 'OK' })
    const machine = (await pve.post('/nodes/pve/qemu/130/snapshot', { snapname: 'live', vmstate: '1' })).data
    await simulator.waitFor({ kind: 'task', upid: String(machine), status: 'OK' })
  })
  afterAll(async () => await simulator?.stop())

  it('is asked for every method that reads', () => {
    const asked = reads.map((path) =>
      path
        .split('?')[0]
        ?.replace(/\{(lxc|qemu)\}/, '{vmid}')
        .replace('content/{archive}', 'content/{volume}')
        .replace('storage/local', 'storage/{storage}'),
    )
    const others = routes
      .filter(({ verb, path }) => verb === 'GET' && !path.includes('{upid}'))
      .map(({ path }) => path)
    expect([...asked].sort()).toEqual(others.sort())
  })

  it.each(reads)('GET %s fits its schema', async (path) => {
    const backups = await createPve(simulator.lab).get('/nodes/pve/storage/local/content?content=backup')
    const [archive] = backups.data as { volid: string }[]
    const filled = path
      .replace('{node}', 'pve')
      .replace('{lxc}', '102')
      .replace('{qemu}', '130')
      .replace('{sid}', 'ct:123')
      .replace('{archive}', encodeURIComponent(archive?.volid ?? ''))
    const template = (path.split('?')[0] ?? '')
      .replace(/\{(lxc|qemu)\}/, '{vmid}')
      .replace('content/{archive}', 'content/{volume}')
      .replace('storage/local', 'storage/{storage}')
    const answer = await createPve(simulator.lab).get(filled)
    expect(answer.status).toBe(200)
    expect(problems(official(template, 'GET')?.returns, answer.data)).toEqual([])
  })

  it('answers a task as in its schema, while it runs and when it ended', async () => {
    const pve = createPve(simulator.lab)
    const upid = String((await pve.post('/nodes/pve/lxc/110/status/reboot')).data)
    const path = `/nodes/pve/tasks/${encodeURIComponent(upid)}`
    for (const status of ['running', 'stopped']) {
      const answer = await pve.get(`${path}/status`)
      expect(answer.data).toMatchObject({ status })
      expect(problems(official('/nodes/{node}/tasks/{upid}/status', 'GET')?.returns, answer.data)).toEqual([])
      const log = await pve.get(`${path}/log`)
      expect(problems(official('/nodes/{node}/tasks/{upid}/log', 'GET')?.returns, log.data)).toEqual([])
      await simulator.waitFor({ kind: 'task', upid, status: 'OK' })
    }
  })

  it.each(['vm', 'node', 'storage', 'sdn'])(
    'answers the resources of type %s as in its schema',
    async (type) => {
      const { data } = await createPve(simulator.lab).get(`/cluster/resources?type=${type}`)
      expect(data).not.toEqual([])
      expect(problems(official('/cluster/resources', 'GET')?.returns, data)).toEqual([])
    },
  )

  it('logs in as in its schema', async () => {
    const { user } = simulator.lab
    const answer = await createPve(simulator.lab, {}).post('/access/ticket', {
      username: user.name,
      password: user.password,
    })
    expect(problems(official('/access/ticket', 'POST')?.returns, answer.data)).toEqual([])
  })
})
