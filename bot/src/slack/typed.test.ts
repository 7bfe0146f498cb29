import { describe, expect, it } from 'vitest'
import { typedText } from './typed.ts'

describe('what people typed in Slack', () => {
  it.each([
    ['restart plex', 'restart plex'],
    ['<@UBOT> restart plex', 'restart plex'],
    ['<@UBOT|homelab>: restart plex', 'restart plex'],
    ['  <@UBOT>, status', 'status'],
    ['<@UBOT>', ''],
    ['grant <@U0KID1234|kid> restart jellyfin', 'grant slack:U0KID1234 restart jellyfin'],
    ['grant <@W0KID1234> restart jellyfin', 'grant slack:W0KID1234 restart jellyfin'],
    ['logs plex grep:"a &lt;b&gt; &amp;lt; c"', 'logs plex grep:"a <b> &lt; c"'],
    ['route show <http://plex.example.com|plex.example.com>', 'route show plex.example.com'],
    ['look <https://x.example/a?b=1&amp;c=2>', 'look https://x.example/a?b=1&c=2'],
    ['to <mailto:a@b.example|a@b.example>', 'to a@b.example'],
    ['in <#C0123ABCD|ops> and <#C0123ABCD|>', 'in ops and C0123ABCD'],
    ['<!channel> <!subteam^S0123|@family>', '@channel @family'],
    ['`restart plex`', 'restart plex'],
    ['```logs plex```', 'logs plex'],
    ['a < b > c', 'a < b > c'],
    // A link that somebody made by hand is text, and stays what they saw.
    ['&lt;@U0KID1234&gt;', '<@U0KID1234>'],
  ])('%s', (raw, meant) => {
    expect(typedText(raw, 'UBOT')).toBe(meant)
  })
})
