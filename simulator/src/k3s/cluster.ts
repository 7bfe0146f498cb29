/** What is in a cluster, as the objects of the Kubernetes API, and a controller whose roll-outs go on step by step. */

type Kind = 'deployments' | 'statefulsets' | 'daemonsets'

interface Meta {
  name: string
  namespace?: string
  uid: string
  generation?: number
  resourceVersion: string
  creationTimestamp: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  managedFields?: { manager: string; operation: string }[]
}

export interface Thing {
  metadata: Meta
  // biome-ignore lint/suspicious/noExplicitAny: objects of the API are open, and a test sets what it needs
  spec: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  status: any
}

export interface WorkloadOptions {
  readonly kind?: Kind
  /** Default 1. */
  readonly replicas?: number
  readonly strategy?: 'RollingUpdate' | 'Recreate' | 'OnDelete'
  readonly containers?: readonly string[]
  readonly image?: string
}

export interface Cluster {
  readonly nodes: Map<string, Thing>
  readonly pods: Map<string, Thing>
  readonly workloads: Readonly<Record<Kind, Map<string, Thing>>>
  /** `namespace/pod/container`, and with `/previous` of the one before. */
  readonly logs: Map<string, string>
  node(name: string, change?: (node: Thing) => void): Thing
  /** With its pods, all ready. */
  workload(namespace: string, name: string, options?: WorkloadOptions): Thing
  pod(namespace: string, name: string, change?: (pod: Thing) => void): Thing
  podsOf(namespace: string, name: string): Thing[]
  /** What the API does on a change of its template. */
  templateChanged(thing: Thing): void
  /** The controller goes on by one step. @returns whether there was anything to do */
  step(kind: Kind, namespace: string, name: string): boolean
  /** Kubernetes gives the roll-out up. */
  giveUp(namespace: string, name: string): void
}

export function createCluster(): Cluster {
  let last = 100
  const number = () => {
    last += 1
    return last
  }
  const started = new Date(Date.now() - 3_600_000).toISOString()
  const nodes = new Map<string, Thing>()
  const pods = new Map<string, Thing>()
  const logs = new Map<string, string>()
  const workloads = {
    deployments: new Map<string, Thing>(),
    statefulsets: new Map<string, Thing>(),
    daemonsets: new Map<string, Thing>(),
  }

  const touch = (thing: Thing) => {
    thing.metadata.resourceVersion = String(number())
  }
  const meta = (name: string, namespace?: string): Meta => ({
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid: `uid-${number()}`,
    resourceVersion: String(number()),
    creationTimestamp: started,
  })
  const condition = (type: string, status: string, more = {}) => ({
    type,
    status,
    lastTransitionTime: started,
    lastUpdateTime: started,
    ...more,
  })

  function pod(namespace: string, name: string, change?: (pod: Thing) => void): Thing {
    const thing: Thing = {
      metadata: { ...meta(name, namespace), labels: {} },
      spec: { nodeName: 'k3s', containers: [{ name: 'app', image: 'app:1' }] },
      status: {
        phase: 'Running',
        conditions: [condition('PodScheduled', 'True'), condition('Ready', 'True')],
        containerStatuses: [containerStatus('app', 'app:1')],
      },
    }
    change?.(thing)
    pods.set(`${namespace}/${name}`, thing)
    return thing
  }

  /** A pod of the template as it is now. */
  function podOf(owner: Thing, ready: boolean): Thing {
    const { namespace = '', name, labels } = owner.metadata
    const hash = String(owner.metadata.generation)
    const template = owner.spec.template.spec.containers as { name: string; image: string }[]
    return pod(namespace, `${name}-${hash}-${number()}`, (thing) => {
      thing.metadata.labels = { ...labels, hash }
      thing.spec.containers = template
      thing.status.conditions = [
        condition('PodScheduled', 'True'),
        condition('Ready', ready ? 'True' : 'False'),
      ]
      thing.status.containerStatuses = template.map((each) => containerStatus(each.name, each.image, ready))
      if (!ready) {
        thing.status.phase = 'Pending'
        thing.metadata.creationTimestamp = new Date().toISOString()
      }
      for (const each of template)
        logs.set(`${namespace}/${thing.metadata.name}/${each.name}`, `${each.name} began\n`)
    })
  }

  const podsOf = (namespace: string, name: string): Thing[] =>
    [...pods.values()].filter(
      ({ metadata }) => metadata.namespace === namespace && metadata.labels?.app === name,
    )
  const isReady = ({ status }: Thing): boolean =>
    status.conditions.some(
      (each: { type: string; status: string }) => each.type === 'Ready' && each.status === 'True',
    )

  /** Status from the pods that are there; what it says is of the generation that the controller has seen. */
  function count(kind: Kind, thing: Thing): void {
    const { namespace = '', name } = thing.metadata
    const all = podsOf(namespace, name)
    const updated = all.filter(
      ({ metadata }) => metadata.labels?.hash === String(thing.status.observedGeneration),
    )
    const ready = all.filter(isReady).length
    if (kind === 'daemonsets')
      Object.assign(thing.status, {
        updatedNumberScheduled: updated.length,
        numberAvailable: ready,
        numberReady: ready,
      })
    else
      Object.assign(thing.status, {
        replicas: all.length,
        updatedReplicas: updated.length,
        readyReplicas: ready,
        availableReplicas: ready,
      })
    touch(thing)
  }

  const progress = (thing: Thing, status: string, reason: string, message: string) => {
    thing.status.conditions = [
      { ...condition('Progressing', status), reason, message, lastUpdateTime: new Date().toISOString() },
    ]
  }

  return {
    nodes,
    pods,
    workloads,
    logs,
    pod,
    podsOf,
    node(name, change) {
      const thing: Thing = {
        metadata: { ...meta(name), labels: { 'node-role.kubernetes.io/control-plane': 'true' } },
        spec: {},
        status: {
          nodeInfo: { kubeletVersion: 'v1.34.2+k3s1' },
          conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure']
            .map((type) => condition(type, 'False'))
            .concat(
              condition('Ready', 'True', {
                reason: 'KubeletReady',
                message: 'kubelet is posting ready status',
              }),
            ),
        },
      }
      change?.(thing)
      nodes.set(name, thing)
      return thing
    },
    workload(namespace, name, options = {}) {
      const {
        kind = 'deployments',
        replicas = 1,
        strategy = 'RollingUpdate',
        containers = ['app'],
        image = `${name}:1`,
      } = options
      const labels = { app: name }
      const thing: Thing = {
        metadata: { ...meta(name, namespace), generation: 1, labels },
        spec: {
          ...(kind === 'daemonsets' ? {} : { replicas }),
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { containers: containers.map((each) => ({ name: each, image })) },
          },
          ...(kind === 'deployments'
            ? { strategy: { type: strategy }, progressDeadlineSeconds: 600 }
            : { updateStrategy: { type: strategy } }),
        },
        status: {
          observedGeneration: 1,
          ...(kind === 'daemonsets' ? { desiredNumberScheduled: replicas } : {}),
        },
      }
      workloads[kind].set(`${namespace}/${name}`, thing)
      for (let index = 0; index < replicas; index += 1) podOf(thing, true)
      if (kind === 'deployments')
        progress(thing, 'True', 'NewReplicaSetAvailable', 'has successfully progressed')
      count(kind, thing)
      return thing
    },
    templateChanged(thing) {
      thing.metadata.generation = (thing.metadata.generation ?? 0) + 1
      touch(thing)
    },
    step(kind, namespace, name) {
      const thing = workloads[kind].get(`${namespace}/${name}`)
      if (thing === undefined) return false
      const hash = String(thing.metadata.generation)
      const wanted: number = thing.spec.replicas ?? thing.status.desiredNumberScheduled
      const all = podsOf(namespace, name)
      const old = all.filter(({ metadata }) => metadata.labels?.hash !== hash)
      const unready = all.find((each) => each.metadata.labels?.hash === hash && !isReady(each))
      const remove = (gone: Thing | undefined) =>
        gone !== undefined && pods.delete(`${namespace}/${gone.metadata.name}`)
      if (thing.status.observedGeneration !== thing.metadata.generation) {
        thing.status.observedGeneration = thing.metadata.generation
        if (kind === 'deployments') progress(thing, 'True', 'ReplicaSetUpdated', 'is progressing')
        if (thing.spec.strategy?.type === 'Recreate') for (const each of old) remove(each)
      } else if (unready !== undefined) {
        unready.status.phase = 'Running'
        unready.status.conditions = [condition('PodScheduled', 'True'), condition('Ready', 'True')]
        for (const each of unready.status.containerStatuses)
          Object.assign(each, containerStatus(each.name, each.image))
        if (kind === 'deployments') remove(old[0])
      } else if (all.length - old.length < wanted) {
        // Those have names or nodes of their own: the old one ends first.
        if (kind !== 'deployments') remove(old[0])
        podOf(thing, false)
      } else if (old.length > 0) remove(old[0])
      else {
        if (kind !== 'deployments' || thing.status.conditions[0].reason === 'NewReplicaSetAvailable')
          return false
        progress(thing, 'True', 'NewReplicaSetAvailable', 'has successfully progressed')
      }
      count(kind, thing)
      return true
    },
    giveUp(namespace, name) {
      const thing = workloads.deployments.get(`${namespace}/${name}`)
      if (thing === undefined) throw new Error(`no deployment ${namespace}/${name}`)
      thing.status.observedGeneration = thing.metadata.generation
      progress(
        thing,
        'False',
        'ProgressDeadlineExceeded',
        `ReplicaSet "${name}-5d9c" has timed out progressing.`,
      )
      touch(thing)
    },
  }
}

function containerStatus(name: string, image: string, ready = true) {
  return {
    name,
    image,
    imageID: '',
    ready,
    restartCount: 0,
    state: ready
      ? { running: { startedAt: new Date().toISOString() } }
      : { waiting: { reason: 'ContainerCreating' } },
    lastState: {},
  }
}
