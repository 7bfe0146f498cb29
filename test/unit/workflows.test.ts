/** The ready workflows against what the nodes are now: nothing in them that is not there, nothing that is a secret. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CloudflareTunnel } from '../../n8n-nodes/nodes/CloudflareTunnel/CloudflareTunnel.node.ts'
import { Homelab } from '../../n8n-nodes/nodes/Homelab/Homelab.node.ts'
import { HomelabAlertTrigger } from '../../n8n-nodes/nodes/HomelabAlertTrigger/HomelabAlertTrigger.node.ts'
import { HomelabBackup } from '../../n8n-nodes/nodes/HomelabBackup/HomelabBackup.node.ts'
import { ProxmoxVe } from '../../n8n-nodes/nodes/ProxmoxVe/ProxmoxVe.node.ts'
import { ProxmoxVeTrigger } from '../../n8n-nodes/nodes/ProxmoxVeTrigger/ProxmoxVeTrigger.node.ts'
import { type Property, strangeParameters, type Workflow, workflowTexts } from '../support/workflows.ts'

const own = 'n8n-nodes-homelab.'
const ours = new Map(
  [CloudflareTunnel, Homelab, HomelabAlertTrigger, HomelabBackup, ProxmoxVe, ProxmoxVeTrigger].map((Node) => {
    const { name, credentials = [], properties } = new Node().description
    return [name, { credentials: credentials.map((each) => each.name), properties: properties as Property[] }]
  }),
)
/** Types of n8n's own nodes → a version and its parameters. The end-to-end suite holds it against n8n itself. */
const theirs: Record<string, { version: number; parameters: string[] }> = JSON.parse(
  readFileSync(new URL('../support/n8n-nodes.json', import.meta.url), 'utf8'),
)
/** Set by n8n itself: when a polling trigger looks. */
const polling: Property = { name: 'pollTimes', type: 'hidden' }

const all = [...workflowTexts()].map(([file, text]) => ({
  file,
  text,
  workflow: JSON.parse(text) as Workflow,
}))

/** Shapes of what must not be published. */
const secrets = {
  'a webhook address': /discord(app)?\.com\/api\/webhooks|hooks\.slack\.com/i,
  'a private key': /-----BEGIN/,
  'a token': /PVEAPIToken|xox[abp]-|\bsk-[A-Za-z0-9]{8}|eyJ[A-Za-z0-9_-]{10}/,
  'a password': /"(password|secret|token|tokenSecret|apiKey)":\s*"[^"=]+"/i,
  'an address of somebody': /[\w.]+@(?!pam|pve)[\w-]+\.\w+/,
}

it('are all there', () => {
  expect(all.map(({ file }) => file)).toEqual([
    'alert-to-channels',
    'ask-the-homelab',
    'backup-freshness',
    'guest-down',
    'monthly-restore-drill',
    'nightly-digest',
    'nightly-photos-nextcloud',
    'nightly-postgres',
    'provision-from-form',
    'restart-with-budget',
    'storage-full',
    'task-failed',
    'tunnel-drift',
    'weekly-guests',
  ])
})

describe.each(all)('$file', ({ text, workflow }) => {
  const { nodes, connections } = workflow
  const names = nodes.map(({ name }) => name)

  it('sets nothing that the nodes do not have', () => {
    const strange = nodes.flatMap((node) => {
      const say = (problem: string) => `${node.name}: ${problem}`
      if (!node.type.startsWith(own)) {
        const known = theirs[node.type]
        if (known?.version !== node.typeVersion)
          return [say(`${node.type} ${node.typeVersion} is not in test/support/n8n-nodes.json`)]
        return Object.keys(node.parameters)
          .filter((name) => !known.parameters.includes(name))
          .map((name) => say(`${name}: there is no such parameter`))
      }
      const type = node.type.slice(own.length)
      const known = ours.get(type) ?? ours.get(type.replace(/Tool$/, ''))
      if (known === undefined) return [say(`${node.type} is not there`)]
      const missing = Object.keys(node.credentials ?? {}).filter((each) => !known.credentials.includes(each))
      return [
        ...missing.map((each) => say(`it takes no credential ${each}`)),
        ...strangeParameters([...known.properties, polling], node).map(say),
      ]
    })
    expect(strange).toEqual([])
  })

  it('is whole: every link has its ends, every node but notes and triggers is reached', () => {
    const links = Object.values(connections).flatMap((kinds) => Object.values(kinds).flat(2))
    expect(new Set(names).size).toBe(names.length)
    expect(new Set(nodes.map(({ id }) => id)).size).toBe(nodes.length)
    expect(Object.keys(connections).filter((name) => !names.includes(name))).toEqual([])
    expect(links.filter((link) => !names.includes(link?.node ?? ''))).toEqual([])
    const linked = new Set([...Object.keys(connections), ...links.map((link) => link?.node)])
    const alone = nodes.filter(({ name, type }) => !type.endsWith('.stickyNote') && !linked.has(name))
    expect(alone.map(({ name }) => name)).toEqual([])
  })

  it('has a note that says what to set, and names each credential that it wants', () => {
    const [note, ...more] = nodes.filter(({ type }) => type.endsWith('.stickyNote'))
    expect(more).toEqual([])
    const said = String(note?.parameters.content)
    expect(said).toContain('**Set**')
    const wanted = new Set(nodes.flatMap(({ credentials = {} }) => Object.keys(credentials)))
    for (const type of wanted) expect(said, type).toMatch(credentialWords[type] ?? /\*\*missing\*\*/)
  })

  it('holds no secret, and no credential of anybody', () => {
    for (const [what, shape] of Object.entries(secrets)) expect(text, what).not.toMatch(shape)
    const used = nodes.flatMap(({ credentials = {} }) => Object.values(credentials))
    expect(used.filter(({ id }) => id !== null)).toEqual([])
    expect(Object.keys(workflow).toSorted()).toEqual(['connections', 'name', 'nodes', 'settings'])
  })
})

const credentialWords: Readonly<Record<string, RegExp>> = {
  proxmoxVeApi: /\*\*Proxmox VE\*\*/,
  discordWebhookApi: /\*\*Discord webhook\*\*/,
  resticRepositoryApi: /\*\*Restic repository\*\*|two credentials/,
  sshHostApi: /\*\*SSH host\*\*|two credentials/,
  homelabBotApi: /\*\*Homelab bot\*\*/,
  httpBasicAuth: /\*\*Basic Auth\*\*/,
  cloudflareTunnelApi: /\*\*Cloudflare tunnel\*\*/,
  homelabNotificationApi: /\*\*Homelab notification secret\*\*/,
  slackApi: /\*\*Slack API\*\*/,
  openAiApi: /\*\*OpenAI\*\*/,
}
