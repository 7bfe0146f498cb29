/** The ready workflows, set up as their notes say and run. */
import { type Workflow, workflowTexts } from '../../../support/workflows.ts'
import type { Client, Ended, Saved } from './client.ts'
import { eventually } from './eventually.ts'

/** Credential type → name in the workflows → what it is here. */
export type Credentials = Readonly<Record<string, Readonly<Record<string, unknown>>>>

export interface Setting {
  /** Node → parameters instead of those that the workflow has; what is an object is merged. */
  readonly set?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Seconds for every Wait node; without it they wait as they are. */
  readonly wait?: number
}

export interface Ready {
  /** Imports one, sets it, and publishes it. */
  ready(file: string, setting?: Setting): Promise<Saved>
  /** Starts it as its schedule would. */
  run(workflow: Saved, trigger: string, timeoutMs?: number): Promise<Ended>
  /** The end of its first execution that a trigger of its own started. */
  triggered(workflow: Saved, timeoutMs?: number): Promise<Ended>
}

/** Stores the credentials and tests those that can be tested. @throws Error when a test fails */
export async function openWorkflows(client: Client, credentials: Credentials): Promise<Ready> {
  const texts = workflowTexts()
  const ids = new Map<string, string>()
  const published = new Map<string, Saved>()
  for (const [type, data] of Object.entries(credentials)) {
    const id = await client.addCredential(type, type, data)
    ids.set(type, id)
    // Those of n8n's own have no test, or one that asks the service itself.
    if (['discordWebhookApi', 'openAiApi', 'httpBasicAuth', 'slackApi'].includes(type)) continue
    const tested = await client.testCredential(id, type, type)
    if (tested.status !== 'OK') throw new Error(`credential ${type}: ${tested.message}`)
  }

  function bound(file: string, { set = {}, wait }: Setting): Workflow {
    const text = texts.get(file)
    if (text === undefined) throw new Error(`there is no workflow ${file}`)
    const workflow = JSON.parse(text) as Workflow
    const strangers = Object.keys(set).filter((name) => !workflow.nodes.some((node) => node.name === name))
    if (strangers.length > 0) throw new Error(`${file} has no ${strangers.join(', ')}`)
    return {
      ...workflow,
      nodes: workflow.nodes.map((node) => ({
        ...node,
        parameters: merged(node.parameters, {
          ...(wait !== undefined && node.type.endsWith('.wait') ? { amount: wait, unit: 'seconds' } : {}),
          ...set[node.name],
        }),
        ...(node.credentials && {
          credentials: Object.fromEntries(
            Object.keys(node.credentials).map((type) => [type, { id: ids.get(type) ?? null, name: type }]),
          ),
        }),
      })),
    }
  }

  return {
    async ready(file, setting = {}) {
      // Left by a try of the test that failed: two have the same webhooks.
      const before = published.get(file)
      if (before !== undefined) await client.unpublish(before.id)
      const saved = await client.importWorkflow(bound(file, setting))
      published.set(file, saved)
      await client.publish(saved)
      return saved
    },
    run: async (workflow, trigger, timeoutMs) =>
      client.ended(await client.execute(workflow, trigger), timeoutMs),
    async triggered({ id }, timeoutMs = 120_000) {
      const first = await eventually(async () => {
        const found = (await client.executions(id)).find(({ mode }) => mode !== 'manual')
        if (found === undefined) throw new Error(`nothing has started workflow ${id}`)
        return found
      }, timeoutMs)
      return await client.ended(first.id, timeoutMs)
    },
  }
}

type Values = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !('__rl' in value)

const merged = (old: Values, changed: Values): Values => ({
  ...old,
  ...Object.fromEntries(
    Object.entries(changed).map(([key, value]) => {
      const was = old[key]
      return [key, isRecord(was) && isRecord(value) ? merged(was, value) : value]
    }),
  ),
})
