import {
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
} from '@slack/web-api'
import { describe, expect, it } from 'vitest'
import { adviceFor, troubleOf, wrongTokens } from './trouble.ts'

const platform = (error: string, more: object = {}) => new WebAPIPlatformError({ ok: false, error, ...more })

describe('what Slack answers', () => {
  it.each([
    [new WebAPIRateLimitedError(7), { kind: 'wait', retryAfterMs: 7_000 }],
    [new WebAPIRequestError(new Error('fetch failed')), { kind: 'again', unclear: true }],
    [new WebAPIHTTPError(503, '', {}), { kind: 'again', unclear: true }],
    [new WebAPIHTTPError(404, '', {}), { kind: 'never' }],
    [platform('message_not_found'), { kind: 'gone' }],
    [platform('not_in_channel'), { kind: 'gone' }],
    [platform('msg_blocks_too_long'), { kind: 'shape' }],
    [platform('token_revoked'), { kind: 'token' }],
    [platform('missing_scope', { needed: 'files:write' }), { kind: 'scope', needed: 'files:write' }],
    [platform('internal_error'), { kind: 'again', unclear: true }],
    [platform('something_new'), { kind: 'never' }],
    [new TypeError('ours'), { kind: 'bug' }],
    [undefined, { kind: 'bug' }],
  ])('%s', (error, trouble) => {
    expect(troubleOf(error)).toMatchObject(trouble)
  })
})

describe('advice', () => {
  it('names the setting and the page', () => {
    const advice = adviceFor(troubleOf(platform('token_revoked')), 'bot')
    expect(advice.problem).toBe('Slack refuses slack.token (token_revoked): it was revoked.')
    expect(advice.hint).toContain('OAuth & Permissions')
    const scope = adviceFor(troubleOf(platform('missing_scope', { needed: 'im:write' })), 'bot')
    expect(scope.problem).toContain('im:write')
    expect(scope.hint).toContain('Scopes')
  })

  it('sees a token in the wrong place before Slack does, and never shows it', () => {
    const all = [
      wrongTokens('xoxp-secret', 'xapp-1', false),
      wrongTokens('xapp-secret', 'xapp-1', false),
      wrongTokens('xoxb-1', undefined, false),
      wrongTokens('xoxb-1', 'xoxb-secret', false),
    ]
    expect(all.every((advice) => advice !== undefined)).toBe(true)
    expect(JSON.stringify(all)).not.toContain('secret')
    expect(wrongTokens('xoxb-1', undefined, true)).toBeUndefined()
    expect(wrongTokens('xoxb-1', 'xapp-1', false)).toBeUndefined()
  })
})
