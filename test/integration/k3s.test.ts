/**
 * K3s by the official client library, from the kubeconfig to the card, against an API server with TLS of its own.
 * K3s itself is not here: what the server answers is as its API describes it.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createRegistry,
  HomelabError,
  type Operation,
  parseCommand,
  runInline,
  runnable,
} from '@homelab/core'
import type { K3sSettings } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createK3s } from '../../bot/src/k3s/index.ts'
import { fastClock } from '../../core/src/node/testing.ts'
import { createAuthorities, kubeconfig } from '../../simulator/src/k3s/certificates.ts'
import type { Thing } from '../../simulator/src/k3s/cluster.ts'
import { type K3sServer, startK3s } from '../../simulator/src/k3s/server.ts'

const registry = createRegistry(operations)
const env: Record<string, string> = {}
const settings: { current: K3sSettings } = {
  current: { kubeconfig: { from: 'env', name: 'KUBECONFIG_TEXT' } },
}

let server: K3sServer
let file: string
const clock = fastClock()
const secrets = createSecrets({ env })
const k3s = createK3s({ settings: () => settings.current, secrets, clock })

beforeAll(async () => {
  server = await startK3s()
  const client = await server.authorities.client('system:admin')
  file = kubeconfig({ server: server.url, ca: server.authorities.serverCa, client })
})
afterAll(async () => {
  await k3s.close()
  await server[Symbol.asyncDispose]()
})
beforeEach(() => {
  env.KUBECONFIG_TEXT = file
  settings.current = { kubeconfig: { from: 'env', name: 'KUBECONFIG_TEXT' } }
  const { cluster, faults } = server
  for (const all of [cluster.nodes, cluster.pods, cluster.logs, ...Object.values(cluster.workloads)])
    all.clear()
  Object.assign(faults, { forbidden: [], hang: 0, unavailable: 0, cutAfter: 0, cutBefore: 0 })
  server.stepping = true
  cluster.node('k3s')
})

const services = { k3s, clock }

function parsed(line: string): { readonly operation: Operation; readonly input: unknown } {
  const command = parseCommand(line, operations)
  if (command.kind !== 'command') throw new Error(`${line} is no command`)
  return command
}

async function run(line: string, report: (text: string) => void = () => undefined) {
  const { operation, input } = parsed(line)
  const options = { clock, settleMs: 0, report: ({ text: said }: { readonly text: string }) => report(said) }
  const output = await runInline(operation, input, services, options)
  return { output, card: operation.card(output, input), failed: operation.failed?.(output) ?? false }
}

async function plan(line: string) {
  const { operation, input } = parsed(line)
  if (operation.plan === undefined) throw new Error(`${line} has no plan`)
  return await operation.plan(input, services, { signal: AbortSignal.timeout(10_000) })
}

async function refused(work: Promise<unknown>): Promise<HomelabError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(HomelabError)
  return error as HomelabError
}

const text = (card: unknown): string => JSON.stringify(card)
const markOf = (thing: Thing): string | undefined =>
  thing.spec.template.metadata.annotations?.['kubectl.kubernetes.io/restartedAt']
const crashing = (pod: Thing, restarts = 14) => {
  pod.status.conditions[1].status = 'False'
  Object.assign(pod.status.containerStatuses[0], {
    ready: false,
    restartCount: restarts,
    state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s' } },
    lastState: { terminated: { reason: 'Error', exitCode: 1, finishedAt: new Date().toISOString() } },
  })
}

describe('k3s status', () => {
  it('is well when all is', async () => {
    server.cluster.workload('media', 'jellyfin', { replicas: 2 })
    const { output, card, failed } = await run('k3s status')
    expect(output).toMatchObject({
      context: 'default',
      workloads: [],
      pods: [],
      counts: { workloads: 1, pods: 2 },
    })
    expect(card).toMatchObject({ title: 'K3s is well', tone: 'ok' })
    expect(failed).toBe(false)
    expect(k3s.seen).toEqual(['media/jellyfin'])
  })

  it('says of nodes, deployments and pods what is not well, and why', async () => {
    const { cluster } = server
    cluster.node('pi', (node) => {
      node.spec.unschedulable = true
      node.metadata.labels = {}
    })
    cluster.node('nas', (node) => {
      node.status.conditions[1].status = 'True'
    })
    const web = cluster.workload('media', 'jellyfin')
    const [first] = cluster.podsOf('media', 'jellyfin')
    if (first !== undefined) crashing(first)
    web.status.availableReplicas = 0
    cluster.pod('db', 'postgres-0', (pod) => {
      pod.status = {
        phase: 'Pending',
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/3 nodes are available: 3 Insufficient memory.',
          },
        ],
      }
    })
    const { output, card, failed } = await run('k3s status')
    expect(failed).toBe(true)
    expect(card).toMatchObject({ title: 'K3s: 4 not well', tone: 'error' })
    expect(text(card)).toContain('CrashLoopBackOff (app): 14 restarts, last exit 1 (Error)')
    expect(text(card)).toContain('media/jellyfin: 0 of 1 available')
    expect(text(card)).toContain('0/3 nodes are available: 3 Insufficient memory.')
    expect(text(card)).toContain('ready, cordoned: takes no new pods')
    expect(text(card)).toContain('DiskPressure')
    expect(text(card)).toContain('k3s restart media/deployment/jellyfin')
    expect((await run('k3s status media')).output).toMatchObject({ pods: [{ namespace: 'media' }] })
    expect(output).toMatchObject({ pods: [{ name: first?.metadata.name }, { name: 'postgres-0' }] })
  })

  it('reads clusters of many pages, and only the namespaces of the file', async () => {
    for (let index = 0; index < 600; index += 1) server.cluster.pod('many', `pod-${index}`)
    server.cluster.pod('media', 'one')
    expect((await run('k3s status')).output).toMatchObject({ counts: { pods: 601 } })
    settings.current = { ...settings.current, namespaces: ['media', 'db'] }
    server.faults.forbidden = ['list nodes', 'list pods in *']
    const { output, card } = await run('k3s status')
    expect(output).toMatchObject({ counts: { pods: 1 }, nodes: [] })
    expect(text(card)).toContain('may not list nodes in the whole cluster')
    expect(await refused(run('k3s status many'))).toMatchObject({
      code: 'denied',
      hint: expect.stringContaining('media, db'),
    })
  })
})

describe('k3s restart', () => {
  it('marks the template as kubectl does, and follows until the new pods can be used', async () => {
    const thing = server.cluster.workload('media', 'jellyfin', { replicas: 2 })
    const before = server.cluster.podsOf('media', 'jellyfin').map(({ metadata }) => metadata.name)
    const planned = await plan('k3s restart jellyfin')
    expect(planned).toMatchObject({
      summary: 'Restart media/jellyfin (deployment, 2 pods)',
      warnings: [],
      locks: ['k3s/media/deployment/jellyfin'],
    })
    const said: string[] = []
    const { output, card } = await run('k3s restart jellyfin', (line) => said.push(line))
    const after = server.cluster.podsOf('media', 'jellyfin').map(({ metadata }) => metadata.name)
    expect(after).toHaveLength(2)
    expect(after.filter((name) => before.includes(name))).toEqual([])
    expect(output).toMatchObject({ namespace: 'media', wanted: 2, available: 2, restartedAt: markOf(thing) })
    expect(thing.metadata.managedFields).toEqual([{ manager: 'homelab', operation: 'Update' }])
    expect(said).toContain('1 of 2 made anew')
    expect(card).toMatchObject({ title: 'media/jellyfin was restarted', tone: 'ok' })
  })

  it.each([
    ['deployments', { strategy: 'Recreate', replicas: 3 }, 'strategy is Recreate'],
    ['deployments', {}, 'may be down for a moment: it has one pod'],
    ['statefulsets', {}, 'is down for a moment: it has one pod'],
    ['daemonsets', { replicas: 2 }, 'On each node it is down for a moment'],
  ] as const)('warns of a gap, and restarts %s %o', async (kind, options, warning) => {
    const thing = server.cluster.workload('media', 'app', { kind, ...options })
    expect((await plan('k3s restart media/app')).warnings.join()).toContain(warning)
    expect((await run('k3s restart media/app')).card.tone).toBe('ok')
    expect(markOf(thing)).toBeDefined()
  })

  it('asks which one, where several have the name', async () => {
    server.cluster.workload('a', 'db')
    server.cluster.workload('b', 'db')
    const error = await refused(plan('k3s restart db'))
    expect(error).toMatchObject({ code: 'ambiguous', message: '2 are called db: a/db, b/db.' })
    server.cluster.workload('b', 'db', { kind: 'statefulsets' })
    expect((await refused(plan('k3s restart b/db'))).message).toContain('b/deployment/db, b/statefulset/db')
    expect((await plan('k3s restart b/statefulset/db')).summary).toContain('stateful set')
    expect(await refused(plan('k3s restart bd'))).toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('Did you mean db?'),
    })
  })

  it('says why when Kubernetes gives the roll-out up, with the pod that holds it up', async () => {
    server.stepping = false
    server.cluster.workload('media', 'jellyfin')
    const { cluster } = server
    const work = refused(
      run(
        'k3s restart jellyfin',
        onceSent(() => {
          const [pod] = cluster.podsOf('media', 'jellyfin')
          if (pod !== undefined) crashing(pod, 5)
          cluster.giveUp('media', 'jellyfin')
        }),
      ),
    )
    const error = await work
    expect(error.code).toBe('failed')
    expect(error.message).toContain('has timed out progressing')
    expect(error.message).toContain('CrashLoopBackOff (app): 5 restarts, last exit 1 (Error)')
    expect(error.hint).toContain('rollout undo deployment/jellyfin')
  })

  it('ends by itself what no controller takes up', async () => {
    server.stepping = false
    server.cluster.workload('media', 'jellyfin')
    const error = await refused(run('k3s restart jellyfin'))
    expect(error).toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('its controller has not begun'),
    })
  })

  it('looks instead of asking twice when the answer is lost, and does not claim what was not done', async () => {
    const patches = () => server.calls.filter((call) => call.startsWith('PATCH')).length
    const asked = patches()
    const thing = server.cluster.workload('media', 'jellyfin')
    server.faults.cutAfter = 1
    expect((await run('k3s restart jellyfin')).card.tone).toBe('ok')
    const mark = markOf(thing)
    expect(mark).toBeDefined()
    server.faults.cutBefore = 1
    expect((await refused(run('k3s restart jellyfin'))).code).toBe('unclear')
    expect(markOf(thing)).toBe(mark)
    expect(patches() - asked).toBe(2)
  })

  it('goes on while the API server is away for a moment', async () => {
    server.cluster.workload('kube-system', 'traefik')
    const { faults } = server
    const { card } = await run(
      'k3s restart traefik',
      onceSent(() => {
        faults.unavailable = 2
      }),
    )
    expect(card.tone).toBe('ok')
  })

  it('refuses what would do nothing, and what the file does not let', async () => {
    server.cluster.workload('media', 'paused').spec.paused = true
    server.cluster.workload('media', 'none', { replicas: 0 })
    server.cluster.workload('media', 'byhand', { kind: 'daemonsets', strategy: 'OnDelete' })
    for (const [name, word] of [
      ['paused', 'paused'],
      ['none', 'scaled to 0'],
      ['byhand', 'OnDelete'],
    ] as const)
      expect(await refused(plan(`k3s restart ${name}`))).toMatchObject({
        code: 'conflict',
        message: expect.stringContaining(word),
      })
    server.cluster.workload('media', 'jellyfin')
    settings.current = { ...settings.current, restart: ['media/plex'] }
    expect((await refused(plan('k3s restart jellyfin'))).code).toBe('denied')
    expect((await refused(run('k3s restart jellyfin'))).code).toBe('denied')
  })
})

/** Does it when the roll-out is first told of; what was reported before that is from before the change. */
function onceSent(then: () => void): () => void {
  let reports = 0
  return () => {
    reports += 1
    if (reports === 2) then()
  }
}

describe('k3s logs', () => {
  it('reads the pod that is least well, the container that crashes, and what it said before', async () => {
    const { cluster } = server
    cluster.workload('media', 'jellyfin', { replicas: 3, containers: ['sidecar', 'web'] })
    const bad = cluster.podsOf('media', 'jellyfin')[1]
    if (bad === undefined) throw new Error('no pod')
    bad.status.containerStatuses.reverse()
    crashing(bad)
    const path = `media/${bad.metadata.name}`
    cluster.logs.set(`${path}/web`, Array.from({ length: 80 }, (_, index) => `line ${index}`).join('\n'))
    cluster.logs.set(`${path}/web/previous`, 'panic: no database\n')
    const { output, card } = await run('k3s logs jellyfin')
    expect(output).toMatchObject({ pod: bad.metadata.name, container: 'web', containers: ['web', 'sidecar'] })
    expect((output as { lines: string[] }).lines).toHaveLength(50)
    expect((output as { lines: string[] }).lines.at(-1)).toBe('line 79')
    expect(text(card)).toContain(`k3s logs ${path} container:web previous:true`)
    const { output: earlier } = await run(`k3s logs ${path} previous:true`)
    expect(earlier).toMatchObject({ container: 'web', lines: ['panic: no database'] })
    expect((await run(`k3s logs ${path} container:sidecar`)).output).toMatchObject({
      lines: ['sidecar began'],
    })
    expect(await refused(run(`k3s logs ${path} container:wep`))).toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('Did you mean web?'),
    })
    expect((await refused(run(`k3s logs ${path} container:sidecar previous:true`))).code).toBe('conflict')
    // It was there when the pod was looked at, and is not any more.
    cluster.logs.delete(`${path}/web/previous`)
    expect((await refused(run(`k3s logs ${path} previous:true`))).code).toBe('conflict')
  })

  it('takes known secrets out, and says what a pod waits for that has not begun', async () => {
    env.TOKEN = 'hunter2-hunter2'
    await secrets.resolve({ from: 'env', name: 'TOKEN' })
    const { cluster } = server
    cluster.pod('media', 'job', () => undefined)
    cluster.logs.set('media/job/app', 'password is hunter2-hunter2\n')
    expect((await run('k3s logs job')).output).toMatchObject({ lines: ['password is [secret]'] })
    cluster.pod('media', 'pulls', (pod) => {
      pod.status.conditions[1].status = 'False'
      pod.status.phase = 'Pending'
      pod.status.containerStatuses[0].state = {
        waiting: { reason: 'ImagePullBackOff', message: 'not found' },
      }
    })
    expect(await refused(run('k3s logs pulls'))).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('ImagePullBackOff'),
    })
  })
})

describe('the way there', () => {
  const withConfig = (options: Partial<Parameters<typeof kubeconfig>[0]>): Promise<HomelabError> => {
    env.KUBECONFIG_TEXT = kubeconfig({ server: server.url, ca: server.authorities.serverCa, ...options })
    return refused(run('k3s status'))
  }

  it('is offered only where the file has the section', () => {
    const status = registry.byId('k3s.status')
    if (status === undefined) throw new Error('no k3s.status')
    expect(runnable(status, 'chat', { clock })).toBe(false)
    expect(runnable(status, 'chat', services)).toBe(true)
  })

  it('logs in with a token as well, and sends it to nobody else', async () => {
    server.tokens.set('a-token', 'homelab')
    env.KUBECONFIG_TEXT = kubeconfig({
      server: server.url,
      ca: server.authorities.serverCa,
      token: 'a-token',
    })
    expect((await run('k3s status')).card.tone).toBe('ok')
    server.tokens.clear()
    expect(await refused(run('k3s status'))).toMatchObject({
      code: 'unauthorised',
      message: expect.stringContaining('token'),
    })
    await using other = await startK3s()
    const error = await withConfig({ server: other.url, token: 'a-token' })
    expect(error).toMatchObject({
      code: 'untrusted',
      hint: expect.stringContaining('certificate-authority-data'),
    })
    expect(other.calls).toEqual([])
  })

  it('says when the certificate has ended, ends soon, or is of another cluster', async () => {
    const ended = await server.authorities.client('old', new Date(Date.now() - 86_400_000))
    expect(await withConfig({ client: ended })).toMatchObject({
      code: 'unauthorised',
      message: expect.stringMatching(/ended on \d{4}-\d\d-\d\d/),
      hint: expect.stringContaining('systemctl restart k3s'),
    })
    const foreign = await (await createAuthorities()).client('x')
    expect(await withConfig({ client: foreign })).toMatchObject({
      code: 'unauthorised',
      hint: expect.stringContaining('another cluster'),
    })
    const soon = await server.authorities.client('soon', new Date(Date.now() + 5 * 86_400_000))
    env.KUBECONFIG_TEXT = kubeconfig({ server: server.url, ca: server.authorities.serverCa, client: soon })
    expect((await run('k3s status')).card).toMatchObject({
      tone: 'warning',
      sections: expect.arrayContaining([expect.objectContaining({ title: 'Mind' })]),
    })
  })

  it('checks the name of the certificate, and takes another one where the kubeconfig says so', async () => {
    const client = await server.authorities.client('named')
    const options = { server: server.url, ca: server.authorities.serverCa, client }
    env.KUBECONFIG_TEXT = kubeconfig({ ...options, cluster: 'tls-server-name: kubernetes' })
    expect((await run('k3s status')).card.tone).toBe('ok')
    const asked = server.calls.length
    const error = await withConfig({ ...options, cluster: 'tls-server-name: other.lab' })
    expect(error).toMatchObject({ code: 'untrusted', hint: expect.stringContaining('tls-san') })
    expect(server.calls).toHaveLength(asked)
  })

  it('names the right that is missing', async () => {
    server.cluster.workload('media', 'jellyfin')
    server.faults.forbidden = ['list pods']
    expect(await refused(run('k3s status'))).toMatchObject({
      code: 'unauthorised',
      message: 'The account "system:admin" of the kubeconfig may not list pods in the whole cluster.',
      hint: expect.stringContaining('ClusterRole'),
    })
    server.faults.forbidden = ['patch deployments in media']
    expect((await refused(run('k3s restart jellyfin'))).message).toContain(
      'may not patch deployments of apps in the namespace media',
    )
    server.faults.forbidden = ['get pods/log']
    expect((await refused(run('k3s logs jellyfin'))).message).toContain(
      'may not get pods/log in the namespace media',
    )
  })

  it('says when nobody answers, and when it is not ready', async () => {
    const gone = await startK3s()
    await gone[Symbol.asyncDispose]()
    const client = await server.authorities.client('x')
    expect(await withConfig({ server: gone.url, client })).toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('127.0.0.1'),
    })
    env.KUBECONFIG_TEXT = file
    server.faults.unavailable = 5
    expect(await refused(run('k3s status'))).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('apiserver not ready'),
    })
  })

  it('gives up what hangs when the caller does', async () => {
    server.faults.hang = 5
    const { operation, input } = parsed('k3s status')
    const stop = new AbortController()
    const work = runInline(operation, input, services, { clock, signal: stop.signal })
    const asked = server.calls.length
    while (server.calls.length === asked) await new Promise(setImmediate)
    stop.abort()
    expect((await refused(work)).code).toBe('cancelled')
  })

  it.each([
    ['trust anybody', { cluster: 'insecure-skip-tls-verify: true' }, 'insecure-skip-tls-verify'],
    [
      'run a program',
      { user: 'exec: { apiVersion: client.authentication.k8s.io/v1, command: evil }' },
      'a program run to log in',
    ],
    ['ask a provider', { user: 'auth-provider: { name: oidc }' }, 'auth-provider'],
    ['be somebody else', { user: 'as: root', token: 'x' }, 'acts as somebody else'],
    ['send a password', { user: 'username: admin' }, 'logs in with a password'],
    ['have no way in', {}, 'neither a client certificate with its key nor a token'],
    ['use no TLS', { server: 'http://127.0.0.1:8080', token: 'x' }, 'no https address'],
    ['go through a proxy', { cluster: 'proxy-url: http://127.0.0.1:1', token: 'x' }, 'through a proxy'],
  ] as const)('refuses a kubeconfig that would %s', async (_what, options, word) => {
    const asked = server.calls.length
    expect(await withConfig(options)).toMatchObject({
      code: 'config',
      message: expect.stringContaining(word),
    })
    expect(server.calls).toHaveLength(asked)
  })

  it('says nothing of what is in a file that it cannot read', async () => {
    for (const broken of [
      'users: [ { name: a, user: { token: hunter2 } ',
      'hunter2',
      '- hunter2',
      'clusters: [{ cluster: { server: hunter2 } }]',
    ]) {
      env.KUBECONFIG_TEXT = broken
      const error = await refused(run('k3s status'))
      expect(error.code).toBe('config')
      expect(`${error.message} ${error.hint} ${error.stack} ${String(error.cause)}`).not.toContain('hunter2')
    }
    settings.current = { ...settings.current, context: 'other' }
    env.KUBECONFIG_TEXT = file
    expect(await refused(run('k3s status'))).toMatchObject({
      code: 'config',
      hint: expect.stringContaining('default'),
    })
  })

  it('reads the files that a kubeconfig names, beside it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'homelab-k3s-'))
    try {
      const { cert, key } = await server.authorities.client('files')
      await writeFile(join(folder, 'client.pem'), cert)
      await writeFile(join(folder, 'client.key'), key, { mode: 0o600 })
      const config = kubeconfig({
        server: server.url,
        ca: server.authorities.serverCa,
        user: 'client-certificate: client.pem',
      })
      await writeFile(join(folder, 'k3s.yaml'), `${config}    client-key: ${folder}/client.key\n`, {
        mode: 0o600,
      })
      settings.current = { kubeconfig: { from: 'file', name: join(folder, 'k3s.yaml') } }
      expect((await run('k3s status')).card.tone).toBe('ok')
      await chmod(join(folder, 'k3s.yaml'), 0o644)
      expect(await refused(run('k3s status'))).toMatchObject({
        code: 'config',
        hint: expect.stringContaining('chmod 600'),
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
