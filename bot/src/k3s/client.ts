/**
 * K3s by the official client library, over our own transport: the library knows the API, ours checks the certificate,
 * ends what hangs, and says whether a request that failed may have arrived.
 */
import { type Clock, HomelabError, inParallel, redact, Secret, TransportError } from '@homelab/core'
import type { K3sSettings } from '@homelab/core/inventory'
import { assertNamespace, type K3s, type WorkloadRef } from '@homelab/core/k3s'
import { createHttp, type Secrets } from '@homelab/core/node'
import type { AppsV1Api, CoreV1Api, RequestContext } from '@kubernetes/client-node'
import { restartedAtKey, toDaemonSet, toDeployment, toNode, toPod, toStatefulSet } from './convert.ts'
import { apiError, transportError } from './errors.ts'
import { type Access, readKubeconfig } from './kubeconfig.ts'

export interface K3sOptions {
  /** Read at every use. @throws HomelabError `config` when homelab.yaml has none */
  readonly settings: () => K3sSettings
  readonly secrets: Secrets
  readonly clock: Clock
}

type Library = typeof import('@kubernetes/client-node')
type Http = ReturnType<typeof createHttp>

interface Open {
  /** The kubeconfig and the context that it was opened with. */
  readonly key: string
  readonly access: Access
  readonly http: Http
}

interface Apis {
  readonly core: CoreV1Api
  readonly apps: AppsV1Api
}

/** Objects of one page: a pod with all its fields is some 10 KB. */
const PAGE = 250
const MAX_PAGES = 40
const NAMESPACES_AT_ONCE = 4
const TIMEOUT_MS = 15_000
const LOG_BYTES = 1024 * 1024
/** How many names completion knows. */
const MAX_SEEN = 2_000

/** `close` cuts what is under way. */
export function createK3s({ settings, secrets, clock }: K3sOptions): K3s & { close(): Promise<void> } {
  let opened: Open | undefined
  let seen: readonly string[] = []
  const library = createLoader()

  /** The kubeconfig is read each time, so that one that was copied again counts at once. */
  async function open(): Promise<Open> {
    const current = settings()
    const text = (await secrets.resolve(current.kubeconfig)).reveal()
    const key = `${current.context ?? ''}\n${text}`
    if (opened?.key === key) return opened
    const { KubeConfig } = await library()
    const access = await readKubeconfig(new KubeConfig(), text, current, secrets)
    // Somebody else may have opened it meanwhile.
    if (opened?.key === key) return opened
    void opened?.http.close()
    opened = { key, access, http: createHttp(access.trust) }
    return opened
  }

  async function apis(what: string, signal?: AbortSignal): Promise<Apis> {
    const { access, http } = await open()
    const k8s = await library()
    const configuration = k8s.createConfiguration({
      baseServer: new k8s.ServerConfiguration(access.server, {}),
      httpApi: k8s.wrapHttpLibrary({
        async send(request) {
          const { status, headers, body } = await sent(request, what, { access, http, clock, signal })
          const text = async () => body
          return new k8s.ResponseContext(
            status,
            { ...headers },
            { text, binary: async () => Buffer.from(body), stream: () => null },
          )
        },
      }),
    })
    return { core: new k8s.CoreV1Api(configuration), apps: new k8s.AppsV1Api(configuration) }
  }

  /** Of each namespace that is looked at; one call for all where they are not named. */
  async function each<T>(
    namespace: string | undefined,
    list: (namespace: string | undefined) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const current = settings()
    if (namespace !== undefined) assertNamespace(namespace, current)
    const places = namespace === undefined ? (current.namespaces ?? [undefined]) : [namespace]
    return (await inParallel(places, NAMESPACES_AT_ONCE, list)).flat()
  }

  return {
    get settings() {
      return settings()
    },
    get seen() {
      return seen
    },
    async about() {
      const { access } = await open()
      const { context, server, certificateEnds } = access
      return {
        context,
        server,
        ...(certificateEnds === undefined ? {} : { certificateEnds: certificateEnds.toISOString() }),
      }
    },
    async nodes(signal) {
      const { core } = await apis('read the nodes', signal)
      return (await paged((page) => core.listNode(page))).map(toNode)
    },
    async workloads(wanted, signal) {
      const { apps } = await apis('read what runs', signal)
      const found = await each(wanted, async (namespace) => {
        const [deployments, sets, daemons] = await Promise.all([
          paged((page) =>
            namespace === undefined
              ? apps.listDeploymentForAllNamespaces(page)
              : apps.listNamespacedDeployment({ ...page, namespace }),
          ),
          paged((page) =>
            namespace === undefined
              ? apps.listStatefulSetForAllNamespaces(page)
              : apps.listNamespacedStatefulSet({ ...page, namespace }),
          ),
          paged((page) =>
            namespace === undefined
              ? apps.listDaemonSetForAllNamespaces(page)
              : apps.listNamespacedDaemonSet({ ...page, namespace }),
          ),
        ])
        return [...deployments.map(toDeployment), ...sets.map(toStatefulSet), ...daemons.map(toDaemonSet)]
      })
      if (wanted === undefined)
        seen = [...new Set(found.map(({ namespace, name }) => `${namespace}/${name}`))]
          .sort()
          .slice(0, MAX_SEEN)
      return found
    },
    async workload({ kind, namespace, name }, signal) {
      assertNamespace(namespace, settings())
      const { apps } = await apis(`read ${namespace}/${name}`, signal)
      if (kind === 'deployment') return toDeployment(await apps.readNamespacedDeployment({ namespace, name }))
      if (kind === 'statefulset')
        return toStatefulSet(await apps.readNamespacedStatefulSet({ namespace, name }))
      return toDaemonSet(await apps.readNamespacedDaemonSet({ namespace, name }))
    },
    async pods({ namespace: wanted, selector } = {}, signal) {
      const { core } = await apis('read the pods', signal)
      const filter = selector === undefined ? {} : { labelSelector: selector }
      const found = await each(wanted, (namespace) =>
        paged((page) =>
          namespace === undefined
            ? core.listPodForAllNamespaces({ ...page, ...filter })
            : core.listNamespacedPod({ ...page, ...filter, namespace }),
        ),
      )
      return found.map(toPod)
    },
    async restart(ref, at) {
      assertNamespace(ref.namespace, settings())
      const { apps } = await apis(`restart ${ref.namespace}/${ref.name}`)
      await patch(apps, ref, at, await library())
    },
    async log({ namespace, name, container }, { lines, previous }, signal) {
      assertNamespace(namespace, settings())
      const { core } = await apis(`read the log of ${namespace}/${name}`, signal)
      const text = await core.readNamespacedPodLog({
        namespace,
        name,
        container,
        previous,
        tailLines: lines,
        limitBytes: LOG_BYTES,
      })
      const { token } = (await open()).access
      return redact(secrets.redact(text), token === undefined ? [] : [new Secret(token)])
    },
    async close() {
      await opened?.http.close()
      opened = undefined
    },
  }
}

/** It takes seconds and 90 MB to load, being the whole API: who has no K3s, or does not ask, does not pay for it. */
function createLoader(): () => Promise<Library> {
  let loading: Promise<Library> | undefined
  return () => {
    loading ??= import('@kubernetes/client-node')
    return loading
  }
}

interface Way {
  readonly access: Access
  readonly http: Http
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
}

/** @throws TransportError without an answer, HomelabError for any that is not 2xx */
async function sent(request: RequestContext, what: string, { access, http, clock, signal }: Way) {
  const method = request.getHttpMethod() as 'GET' | 'PATCH'
  const body = request.getBody()
  const token = access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }
  try {
    const response = await http.request({
      method,
      url: request.getUrl(),
      headers: { ...request.getHeaders(), ...token },
      timeoutMs: TIMEOUT_MS,
      ...(typeof body === 'string' ? { body } : {}),
      ...(signal === undefined ? {} : { signal }),
    })
    if (response.status < 200 || response.status > 299)
      throw refusal(apiError(response, what, access, clock.now()), response.status, method)
    return response
  } catch (error) {
    throw error instanceof TransportError ? transportError(error, access) : error
  }
}

/** A server that fails in the middle of a change may have made it. */
const refusal = (error: HomelabError, status: number, method: string): HomelabError =>
  method === 'PATCH' && status >= 500 ? new HomelabError('unclear', error.message, { cause: error }) : error

type Page<T> = { readonly items: T[]; readonly metadata?: { readonly _continue?: string } }

async function paged<T>(
  list: (page: { limit: number; _continue?: string }) => Promise<Page<T>>,
): Promise<T[]> {
  const all: T[] = []
  let next: string | undefined
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { items, metadata } = await list({
      limit: PAGE,
      ...(next === undefined ? {} : { _continue: next }),
    })
    all.push(...items)
    next = metadata?._continue || undefined
    if (next === undefined) return all
  }
  throw new HomelabError(
    'failed',
    `K3s has more than ${PAGE * MAX_PAGES} objects of a kind: that is more than is read here.`,
    {
      hint: 'Name in `k3s.namespaces` of homelab.yaml those that matter.',
    },
  )
}

/** As `kubectl rollout restart`: only the annotation, whatever else somebody changes at the same time. */
async function patch(
  apps: AppsV1Api,
  { kind, namespace, name }: WorkloadRef,
  at: string,
  { PatchStrategy, setHeaderOptions }: Library,
): Promise<void> {
  const body = { spec: { template: { metadata: { annotations: { [restartedAtKey]: at } } } } }
  const request = { namespace, name, body, fieldManager: 'homelab' }
  const options = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch)
  if (kind === 'deployment') await apps.patchNamespacedDeployment(request, options)
  else if (kind === 'statefulset') await apps.patchNamespacedStatefulSet(request, options)
  else await apps.patchNamespacedDaemonSet(request, options)
}
