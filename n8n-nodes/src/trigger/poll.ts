/** The trigger as n8n calls it: looks, compares with what the workflow's static data remembers, and remembers. */
import type { INodeExecutionData, IPollFunctions } from 'n8n-workflow'
import { nodeError } from '../errors.ts'
import { proxmoxClient, proxmoxCredential } from '../proxmox.ts'
import { examples, look } from './look.ts'
import { settingsOf } from './settings.ts'
import type { Memory } from './types.ts'

const secondsNow = (): number => Math.floor(Date.now() / 1000)

/** Null when there is nothing new, as n8n wants it. */
export async function pollProxmox(context: IPollFunctions): Promise<INodeExecutionData[][] | null> {
  try {
    const credential = await proxmoxCredential(context)
    const proxmox = proxmoxClient(context, credential)
    const settings = settingsOf(context, credential.tokenId.trim())
    const manual = context.getMode() === 'manual'
    const events = manual
      ? await examples(proxmox, settings, secondsNow())
      : await remembering(context, (memory) => look(proxmox, settings, memory, secondsNow()))
    return events.length === 0 ? null : [events.map((json) => ({ json }))]
  } catch (error) {
    throw nodeError(context.getNode(), error)
  }
}

async function remembering<E>(
  context: IPollFunctions,
  work: (memory: Memory) => Promise<{ readonly memory: Memory; readonly events: readonly E[] }>,
): Promise<readonly E[]> {
  const data = context.getWorkflowStaticData('node') as { memory?: string }
  const { memory, events } = await work(read(data.memory))
  const text = JSON.stringify(memory)
  // Written only when it is another one: n8n stores the whole of it then.
  if (text !== data.memory) data.memory = text
  return events
}

function read(text: string | undefined): Memory {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    // Not ours, or cut off: the next look only learns.
    return {}
  }
}
