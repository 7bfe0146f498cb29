/** A workflow of n8n by the name that homelab.yaml gives it, and who may start it. */
import { HomelabError } from '../../errors.ts'
import type { WorkflowEntry } from '../../inventory/n8n-schema.ts'
import type { N8n } from '../../n8n/types.ts'
import { didYouMean } from '../../nearest.ts'
import { atLeast } from '../../operation/permission.ts'
import type { Caller } from '../../operation/services.ts'

/** What is not in the list of the file cannot be started, whoever asks. @throws HomelabError `not-found` */
export function entryNamed({ entries }: N8n, name: string): WorkflowEntry {
  const found = entries.find((entry) => entry.name.toLowerCase() === name.toLowerCase())
  if (found !== undefined) return found
  const names = entries.map((entry) => entry.name)
  throw new HomelabError(
    'not-found',
    `No workflow "${name.slice(0, 60)}" may be started from here.${didYouMean(name, names)}`,
    {
      hint:
        names.length === 0
          ? 'Workflows are listed under `n8n.workflows` in homelab.yaml; nothing else can be started.'
          : '`workflow list` shows those that may; others are added under `n8n.workflows` in homelab.yaml.',
    },
  )
}

/** @throws HomelabError `denied` */
export function permitEntry(entry: WorkflowEntry, caller: Caller): void {
  if (atLeast(caller.role, entry.role)) return
  const who = entry.role === 'admin' ? 'admins' : `${entry.role}s and above`
  throw new HomelabError(
    'denied',
    `The workflow "${entry.name}" may be started by ${who} only; ${caller.name} is ${caller.role}.`,
    {
      hint: `\`role\` of n8n.workflows.${entry.name} in homelab.yaml says so.`,
      data: { needed: entry.role, role: caller.role, caller: caller.id, targets: [entry.name] },
    },
  )
}
