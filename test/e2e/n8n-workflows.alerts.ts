/** The ready workflows that alerts start, or that tell of them: part of n8n-workflows.test.ts, whose n8n they share. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Simulator } from '../support/simulator.ts'
import { type Alerting, startAlerting } from './support/n8n-real/alerting.ts'
import type { Channel } from './support/n8n-real/chat.ts'
import type { Saved } from './support/n8n-real/client.ts'
import { eventually } from './support/n8n-real/eventually.ts'
import type { RealN8n } from './support/n8n-real/server.ts'

const plex = 110

interface Given {
  readonly simulator: Simulator
  readonly n8n: RealN8n
  readonly channel: Channel
  /** The next message of the channel that matches, noted for the log of the test. */
  readonly hear: (match: RegExp) => Promise<string>
}

/** @param given what there is when the tests run */
export function alertWorkflows(given: () => Given): void {
  describe('told by alerts', () => {
    let alerting: Alerting
    beforeAll(async () => {
      const { simulator, n8n, channel } = given()
      alerting = await startAlerting(simulator, n8n, channel)
    })
    afterAll(() => alerting?.[Symbol.asyncDispose]())

    const alert = (name: string, minute: number, more: object = {}) => ({
      status: 'firing',
      labels: { alertname: name, severity: 'critical', service: 'plex' },
      annotations: { summary: `${name}: plex does not answer`, description: 'For two minutes.' },
      startsAt: `2026-11-20T05:${String(minute).padStart(2, '0')}:00Z`,
      generatorURL: 'http://prometheus.example.org/graph',
      fingerprint: name,
      ...more,
    })
    /** Texts in Slack, the names of their files behind them. */
    const inSlack = async () =>
      (await alerting.slack.read('ops')).map(({ visible, files }) =>
        [visible, ...files.map(({ name, size }) => `${name} ${size > 1_000}`)].join('\n'),
      )
    const started = async ({ id }: Saved) => (await given().n8n.client.executions(id)).length

    it('alert-to-channels: both channels once, with a chart of the service; nobody without the secret', async () => {
      const { n8n, channel, hear } = given()
      const { slack, workflows, send } = alerting
      const api = (method: string) => ({ url: `${slack.info.api}${method}` })
      const workflow = await workflows.ready('alert-to-channels', {
        set: {
          'Where to': { jsonOutput: JSON.stringify({ slackChannel: slack.info.channels.ops }) },
          'Slack, a place for it': api('files.getUploadURLExternal'),
          'Slack, with its chart': api('files.completeUploadExternal'),
          Slack: api('chat.postMessage'),
          'Tell Slack of it': api('chat.postMessage'),
        },
      })
      const down = alert('PlexDown', 0)
      await eventually(async () => expect(await send(workflow, [down], 'wrong secret')).toBe(401))
      expect(await send(workflow, [down, alert('PlexSlow', 1)])).toBe(204)
      expect(await hear(/PlexDown/)).toMatch(
        /🔴 \*\*PlexDown: plex does not answer\*\* \(critical, since .+\)\nFor two minutes\.\nservice: plex\n\[Source\]\(<http:/,
      )
      await hear(/PlexSlow/)
      // Each with its file, uploaded by itself: which one is there first is nobody's to say.
      await expect
        .poll(async () => (await inSlack()).toSorted(), { timeout: 20_000 })
        .toEqual([
          expect.stringMatching(/PlexDown[\s\S]*\nplex-CPU-last-6-h\.png true$/),
          expect.stringMatching(/PlexSlow[\s\S]*\nplex-CPU-last-6-h\.png true$/),
        ])
      expect(channel.files).toEqual(['plex-CPU-last-6-h.png', 'plex-CPU-last-6-h.png'])

      const over = alert('PlexDown', 0, { status: 'resolved', endsAt: '2026-11-20T05:12:00Z' })
      // No service of the lab: there is no chart of it, and it is told all the same.
      const labels = { alertname: 'Disk', service: 'nowhere', instance: '<!channel> @everyone' }
      expect(await send(workflow, [down])).toBe(204)
      expect(await send(workflow, [down, over, alert('Disk', 1, { labels })])).toBe(204)
      expect(await hear(/is over/)).toMatch(/✅ \*\*PlexDown: .+\*\* \(is over after 12 min\)/)
      expect(await hear(/instance/)).not.toContain('@everyone')
      await expect.poll(async () => (await inSlack()).length, { timeout: 20_000 }).toBe(4)
      expect(await started(workflow)).toBe(2)
      expect(channel.messages.filter((text) => text.includes('plex does not answer'))).toHaveLength(4)
      expect(channel.files).toHaveLength(2)

      channel.there(false)
      expect(await send(workflow, [alert('PlexLost', 3)])).toBe(204)
      await expect
        .poll(async () => (await inSlack()).slice(4).join('\n'), { timeout: 20_000 })
        .toMatch(/Discord did not take an alert[\s\S]*PlexLost/)
      channel.there(true)
      await n8n.client.unpublish(workflow.id)
    })

    it('nightly-digest: is silent when there is nothing, and tells of what is open', async () => {
      const { n8n, channel, hear } = given()
      const { workflows, tellBot } = alerting
      const before = channel.messages.length
      const workflow = await workflows.ready('nightly-digest')
      const silent = await workflows.run(workflow, 'Every morning')
      expect({ error: silent.error, said: silent.output['What to say'] }).toMatchObject({
        said: [{ lines: [] }],
      })
      expect(channel.messages).toHaveLength(before)
      await tellBot({ name: 'Attic', severity: 'critical', title: 'The attic is warm' })
      expect((await workflows.run(workflow, 'Every morning')).error).toBeUndefined()
      expect(await hear(/Since yesterday/)).toBe('**Since yesterday**\n🔴 The attic is warm (nobody has it)')
      await n8n.client.unpublish(workflow.id)
    })

    it('restart-with-budget: restarts twice in a day, and asks somebody the third time', async () => {
      const { simulator, n8n, hear } = given()
      const { workflows, send } = alerting
      const workflow = await workflows.ready('restart-with-budget')
      const restarts = async () => (await simulator.counts()).changes[plex]?.reboot ?? 0
      await eventually(async () => expect(await send(workflow, [alert('Down', 0)])).toBe(204))
      const { status, error } = await workflows.triggered(workflow)
      expect({ status, error }).toEqual({ status: 'success', error: undefined })
      await hear(/plex was down, was restarted and answers again.*\(1 of 2 in a day\)/)
      expect(await send(workflow, [alert('Down', 0)])).toBe(204)
      expect(await send(workflow, [alert('Down', 1)])).toBe(204)
      await hear(/plex was down.*\(2 of 2 in a day\)/)
      expect(await restarts()).toBe(2)
      const all = { alertname: 'Down', severity: 'critical', service: '@all' }
      const everything = alert('Down', 3, { labels: all, fingerprint: 'all' })
      expect(await send(workflow, [alert('Down', 2), everything])).toBe(204)
      await hear(/plex is down again, and was restarted 2 times.*Somebody has to look/)
      expect(await restarts()).toBe(2)
      expect(await started(workflow)).toBe(3)
      await n8n.client.unpublish(workflow.id)
    })
  })
}
