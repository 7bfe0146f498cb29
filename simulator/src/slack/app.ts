import type { Random } from '../random.ts'
import type { Options } from './options.ts'
import type { Workspace } from './workspace.ts'

/** What the app's manifest says, and its secrets. */
export interface App {
  readonly id: string
  readonly botId: string
  readonly botToken: string
  readonly appToken: string
  readonly signingSecret: string
  /** The old verification token that every payload carries. */
  readonly verification: string
  scopes: string[]
  /** Event types, with `message.im` and its like as in the manifest. */
  subscriptions: string[]
  commands: string[]
  shouldEscape: boolean
}

const SCOPES = [
  'app_mentions:read',
  'channels:history',
  'channels:join',
  'channels:read',
  'chat:write',
  'commands',
  'files:read',
  'files:write',
  'groups:history',
  'groups:read',
  'im:history',
  'im:read',
  'im:write',
  'reactions:write',
  'usergroups:read',
  'users:read',
]

const SUBSCRIPTIONS = [
  'app_home_opened',
  'app_mention',
  'channel_archive',
  'member_joined_channel',
  'message.im',
  'subteam_members_changed',
]

/** What a test may have changed, as it was at the start. */
export const manifest = (
  command: string,
): Pick<App, 'scopes' | 'subscriptions' | 'commands' | 'shouldEscape'> => ({
  scopes: [...SCOPES],
  subscriptions: [...SUBSCRIPTIONS],
  commands: [command],
  shouldEscape: true,
})

export function createApp(random: Random, workspace: Workspace, options: Options): App {
  const secret = (name: string): string => random.bytes(name).toString('hex')
  const digits = (name: string): string => String(random.bytes(name).readUIntBE(0, 6))
  const id = workspace.id('A', 'homelab')
  return {
    id,
    botId: workspace.id('B', 'homelab'),
    botToken: `xoxb-${digits('team')}-${digits('bot')}-${secret('bot token').slice(0, 24)}`,
    appToken: `xapp-1-${id}-${digits('app')}-${secret('app token')}`,
    signingSecret: secret('signing').slice(0, 32),
    verification: secret('verification').slice(0, 24),
    ...manifest(options.command),
  }
}
