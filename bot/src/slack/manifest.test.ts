import { createRegistry } from '@homelab/core'
import { operations } from '@homelab/core/operations'
import { expect, it } from 'vitest'
import { manifestScopes, slackManifest } from './manifest.ts'

const registry = createRegistry(operations)

it('is a manifest for Socket Mode, with the least scopes and escaped names', () => {
  const manifest = slackManifest(registry)
  expect(manifest).toMatchObject({
    features: {
      app_home: { home_tab_enabled: true, messages_tab_read_only_enabled: false },
      slash_commands: [{ command: '/homelab', should_escape: true }],
    },
    oauth_config: { scopes: { bot: Object.keys(manifestScopes) } },
    settings: {
      socket_mode_enabled: true,
      event_subscriptions: { bot_events: ['app_mention', 'message.im', 'app_home_opened'] },
      interactivity: { is_enabled: true },
    },
  })
  expect(JSON.stringify(manifest)).toContain('restart')
  expect(JSON.stringify(manifest)).not.toContain('url')
})

it('has the addresses for requests over HTTP', () => {
  const manifest = slackManifest(registry, { url: 'https://desk.example.com/' })
  const address = 'https://desk.example.com/slack/events'
  expect(manifest).toMatchObject({
    features: { slash_commands: [{ url: address }] },
    settings: {
      socket_mode_enabled: false,
      event_subscriptions: { request_url: address },
      interactivity: { request_url: address },
    },
  })
})
