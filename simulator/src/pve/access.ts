/** Users, tokens and access control lists: who may do what where. Facts: PVE's AccessControl. */
import type { Random } from '../random.ts'

export interface AclEntry {
  /** `/`, `/vms/110`, `/nodes/pve`, `/storage/local`, … */
  readonly path: string
  /** `homelab@pve` or `homelab@pve!desk`. */
  readonly who: string
  readonly privs: readonly string[]
  readonly propagate: boolean
  readonly role: string
}

export interface Token {
  readonly id: string
  secret: string
  /** Privileges are those of the token *and* of its user. */
  privsep: boolean
}

/** Who makes a call: `id` is the token or user, `user` the user in either case. */
export interface Caller {
  readonly id: string
  readonly user: string
}

const vmConfig = ['Disk', 'CDROM', 'CPU', 'Memory', 'Network', 'HWType', 'Options', 'Cloudinit'].map(
  (part) => `VM.Config.${part}`,
)
const vmAll = [
  'VM.Allocate',
  'VM.Audit',
  'VM.Backup',
  'VM.Clone',
  'VM.Console',
  'VM.Migrate',
  'VM.PowerMgmt',
  'VM.Snapshot',
  'VM.Snapshot.Rollback',
  ...vmConfig,
]
const datastoreAll = [
  'Datastore.Allocate',
  'Datastore.AllocateSpace',
  'Datastore.AllocateTemplate',
  'Datastore.Audit',
]
const sysAll = [
  'Sys.AccessNetwork',
  'Sys.Audit',
  'Sys.Console',
  'Sys.Incoming',
  'Sys.Modify',
  'Sys.PowerMgmt',
  'Sys.Syslog',
]
const rest = [
  'Group.Allocate',
  'Mapping.Audit',
  'Mapping.Modify',
  'Mapping.Use',
  'Permissions.Modify',
  'Pool.Allocate',
  'Pool.Audit',
  'Realm.Allocate',
  'Realm.AllocateUser',
  'SDN.Allocate',
  'SDN.Audit',
  'SDN.Use',
  'User.Modify',
]

type Roles = Readonly<Record<string, readonly string[]>>

/** PVE 9 has no VM.Monitor any more: the guest agent has privileges of its own. */
function rolesOf(release: string): Roles {
  const agent = release >= '9' ? ['VM.GuestAgent.Audit', 'VM.GuestAgent.Unrestricted'] : ['VM.Monitor']
  const vmAdmin = [...vmAll, ...agent]
  const desk = [
    ...vmAdmin,
    ...datastoreAll,
    'Sys.Audit',
    'Sys.Console',
    'Sys.Modify',
    'Sys.Syslog',
    'Pool.Audit',
    'SDN.Audit',
    'SDN.Use',
  ]
  return {
    Administrator: [...vmAdmin, ...datastoreAll, ...sysAll, ...rest],
    NoAccess: [],
    PVEAuditor: ['Datastore.Audit', 'Mapping.Audit', 'Pool.Audit', 'SDN.Audit', 'Sys.Audit', 'VM.Audit'],
    PVEVMAdmin: vmAdmin,
    PVEVMUser: [
      'VM.Audit',
      'VM.Backup',
      'VM.Config.CDROM',
      'VM.Config.Cloudinit',
      'VM.Console',
      'VM.PowerMgmt',
    ],
    PVEDatastoreAdmin: datastoreAll,
    PVEDatastoreUser: ['Datastore.AllocateSpace', 'Datastore.Audit'],
    PVESysAdmin: ['Sys.Audit', 'Sys.Console', 'Sys.Syslog'],
    /** What the desk is set up with here: everything it does, and nothing of the accounts. */
    HomelabDesk: desk,
  }
}

const ROOT = 'root@pam'

/** Path of the tree from its root: `/vms/110` → `/`, `/vms`, `/vms/110`. */
function steps(path: string): readonly string[] {
  const parts = path.split('/').filter(Boolean)
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)]
}

export class Access {
  readonly #tokens = new Map<string, Token>()
  readonly #passwords = new Map<string, string>()
  #acl: readonly AclEntry[] = []
  #memo = new Map<string, ReadonlySet<string>>()
  readonly #roles: Roles
  readonly rootPassword: string
  /** Changes with every change of rights. */
  revision = 0

  constructor(random: Random, release: string) {
    this.#roles = rolesOf(release)
    this.rootPassword = random.uuid('password').slice(0, 13)
    this.#passwords.set(ROOT, this.rootPassword)
    this.#passwords.set('homelab@pve', random.uuid('homelab password').slice(0, 13))
    this.#tokens.set('homelab@pve!desk', {
      id: 'homelab@pve!desk',
      secret: random.uuid('desk'),
      privsep: true,
    })
    this.reset()
  }

  /** Rights as at the start. */
  reset(): void {
    for (const token of this.#tokens.values()) token.privsep = true
    this.setAcl(['homelab@pve', 'homelab@pve!desk'].map((who) => ({ path: '/', who, role: 'HomelabDesk' })))
  }

  /** Replaces the whole list. @throws Error naming an unknown role */
  setAcl(
    entries: readonly {
      path: string
      who: string
      role?: string
      privs?: readonly string[]
      propagate?: boolean
    }[],
  ): void {
    this.#acl = entries.map(({ path, who, role, privs, propagate }) => {
      const known = role === undefined ? privs : this.#roles[role]
      if (!known)
        throw new Error(`an entry needs privs or one of the roles ${Object.keys(this.#roles).join(', ')}`)
      return { path, who, privs: known, role: role ?? 'Custom', propagate: propagate ?? true }
    })
    this.#memo = new Map()
    this.revision += 1
  }

  get acl(): readonly AclEntry[] {
    return this.#acl
  }

  /** Adds or replaces a token; its user exists from then on. */
  setToken(id: string, secret: string, privsep: boolean): void {
    this.#tokens.set(id, { id, secret, privsep })
    const user = id.split('!')[0] ?? id
    if (!this.#passwords.has(user)) this.#passwords.set(user, secret)
    this.#memo = new Map()
    this.revision += 1
  }

  token(id: string): Token | undefined {
    return this.#tokens.get(id)
  }

  hasUser(user: string): boolean {
    return this.#passwords.has(user)
  }

  passwordFits(user: string, password: string): boolean {
    return this.#passwords.get(user) === password
  }

  /** Whether the caller has all of these privileges there, or any with `any`. */
  may(caller: Caller, path: string, privs: readonly string[], any = false): boolean {
    const has = this.privs(caller, path)
    return any ? privs.some((priv) => has.has(priv)) : privs.every((priv) => has.has(priv))
  }

  privs(caller: Caller, path: string): ReadonlySet<string> {
    const key = `${caller.id} ${path}`
    const known = this.#memo.get(key)
    if (known) return known
    const found = this.#compute(caller, path)
    this.#memo.set(key, found)
    return found
  }

  #compute(caller: Caller, path: string): ReadonlySet<string> {
    const ofUser =
      caller.user === ROOT ? new Set(this.#roles.Administrator) : this.#granted(caller.user, path)
    const token = caller.id === caller.user ? undefined : this.#tokens.get(caller.id)
    if (!token?.privsep) return ofUser
    return this.#granted(caller.id, path).intersection(ofUser)
  }

  /** An entry on a longer path replaces what the shorter ones gave. */
  #granted(who: string, path: string): Set<string> {
    let privs = new Set<string>()
    for (const step of steps(path)) {
      const here = this.#acl.filter(
        (entry) => entry.who === who && entry.path === step && (entry.propagate || step === path),
      )
      if (here.length > 0) privs = new Set(here.flatMap((entry) => entry.privs))
    }
    return privs
  }

  /** `/access/permissions`: path → privilege → whether it is inherited below. */
  effective(caller: Caller, only?: string): Record<string, Record<string, 0 | 1>> {
    const paths = only
      ? [only]
      : [
          '/',
          '/access',
          '/nodes',
          '/pool',
          '/sdn',
          '/storage',
          '/vms',
          ...this.#acl.map((entry) => entry.path),
        ]
    const result: Record<string, Record<string, 0 | 1>> = {}
    for (const path of [...new Set(paths)].sort()) {
      const privs = this.privs(caller, path)
      const below = this.privs(caller, `${path === '/' ? '' : path}/below`)
      if (privs.size > 0)
        result[path] = Object.fromEntries([...privs].sort().map((priv) => [priv, below.has(priv) ? 1 : 0]))
    }
    return result
  }
}
