/** Permissions as Discord computes them: roles of the guild, then the channel's overwrites. */

export const permissions = {
  Administrator: 1n << 3n,
  ManageChannels: 1n << 4n,
  ManageGuild: 1n << 5n,
  ViewChannel: 1n << 10n,
  SendMessages: 1n << 11n,
  ManageMessages: 1n << 13n,
  EmbedLinks: 1n << 14n,
  AttachFiles: 1n << 15n,
  ReadMessageHistory: 1n << 16n,
  MentionEveryone: 1n << 17n,
  UseApplicationCommands: 1n << 31n,
  ManageThreads: 1n << 34n,
  CreatePublicThreads: 1n << 35n,
  CreatePrivateThreads: 1n << 36n,
  SendMessagesInThreads: 1n << 38n,
} as const

export type Permission = keyof typeof permissions

export const isPermission = (name: string): name is Permission => name in permissions
export const everything = Object.values(permissions).reduce((sum, bit) => sum | bit, 0n)

export const bits = (...names: readonly Permission[]): bigint =>
  names.reduce((sum, name) => sum | permissions[name], 0n)

/** What everybody may: also what a bot gets that was invited without more. */
export const usual = bits(
  'ViewChannel',
  'SendMessages',
  'EmbedLinks',
  'AttachFiles',
  'ReadMessageHistory',
  'UseApplicationCommands',
  'CreatePublicThreads',
  'SendMessagesInThreads',
)

export interface Overwrite {
  readonly id: string
  /** 0: a role, 1: a member. */
  readonly type: 0 | 1
  readonly allow: bigint
  readonly deny: bigint
}

interface Subject {
  readonly id: string
  /** Permissions and id of each role, @everyone's included. */
  readonly roles: readonly { readonly id: string; readonly permissions: bigint }[]
  readonly owner: boolean
}

export function compute(subject: Subject, everyone: string, overwrites: readonly Overwrite[]): bigint {
  const base = subject.roles.reduce((sum, role) => sum | role.permissions, 0n)
  if (subject.owner || (base & permissions.Administrator) !== 0n) return everything
  const held = new Set(subject.roles.map(({ id }) => id))
  const apply = (sum: bigint, fitting: readonly Overwrite[]): bigint => {
    const deny = fitting.reduce((all, overwrite) => all | overwrite.deny, 0n)
    const allow = fitting.reduce((all, overwrite) => all | overwrite.allow, 0n)
    return (sum & ~deny) | allow
  }
  const roles = overwrites.filter(({ type }) => type === 0)
  const first = apply(
    base,
    roles.filter(({ id }) => id === everyone),
  )
  const second = apply(
    first,
    roles.filter(({ id }) => id !== everyone && held.has(id)),
  )
  const whole = apply(
    second,
    overwrites.filter(({ type, id }) => type === 1 && id === subject.id),
  )
  // Who cannot see a channel can do nothing in it.
  return (whole & permissions.ViewChannel) === 0n ? 0n : whole
}
