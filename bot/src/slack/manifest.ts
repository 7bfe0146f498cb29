/** The app manifest: what one pastes into Slack to make the app, from the operations that there are. */
import type { Registry } from '@homelab/core'
import { cut } from './text.ts'

/** Each with what does not work without it. */
export const manifestScopes = {
  'chat:write': 'answering',
  commands: 'the slash command',
  'app_mentions:read': 'mentioning the bot',
  'im:history': 'asking in direct messages',
  'im:write': 'answering in direct messages',
  'channels:history': 'looking for what was missed, and posting each card only once',
  'groups:history': 'looking for what was missed in private channels',
  'files:write': 'attaching what is too long',
  'users:read': 'showing names',
  'usergroups:read': 'rights of user groups',
} as const

/** Characters that Slack takes of it. */
const maxHint = 1_000

/** @param url of the bot, for requests over HTTP; without it Socket Mode */
export function slackManifest(registry: Registry, { url }: { readonly url?: string } = {}): object {
  const requests = url === undefined ? undefined : `${url.replace(/\/+$/, '')}/slack/events`
  const address = requests === undefined ? {} : { request_url: requests }
  return {
    display_information: {
      name: 'homelab',
      description: 'The operations desk of your home server',
      background_color: '#1f2a37',
    },
    features: {
      app_home: { home_tab_enabled: true, messages_tab_enabled: true, messages_tab_read_only_enabled: false },
      bot_user: { display_name: 'homelab', always_online: true },
      slash_commands: [
        {
          command: '/homelab',
          description: 'Ask the operations desk',
          usage_hint: usageHint(registry),
          // People and channels come as ids: a name can be anybody's.
          should_escape: true,
          ...(requests === undefined ? {} : { url: requests }),
        },
      ],
    },
    oauth_config: { scopes: { bot: Object.keys(manifestScopes) } },
    settings: {
      event_subscriptions: { ...address, bot_events: ['app_mention', 'message.im', 'app_home_opened'] },
      interactivity: { is_enabled: true, ...address },
      org_deploy_enabled: false,
      socket_mode_enabled: requests === undefined,
      token_rotation_enabled: false,
    },
  }
}

/** The words that one types daily: those without a group. */
function usageHint(registry: Registry): string {
  const daily = registry.all.filter(
    ({ chat, surfaces }) => !chat.includes(' ') && (surfaces?.includes('chat') ?? true),
  )
  return cut(`[${daily.map(({ chat }) => chat).join(' | ')} | …]`, maxHint)
}
