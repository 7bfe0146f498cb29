import { z } from 'zod'
import type { Card } from '../../operation/card.ts'
import { duration, guestPlace } from '../../operation/view.ts'
import { archiveFile } from './secure.ts'

export const Output = z.object({
  name: z.string(),
  vmid: z.int(),
  node: z.string(),
  /** False: nothing waited, and nothing was done. */
  updated: z.boolean(),
  packages: z.array(z.object({ name: z.string(), from: z.string(), to: z.string() })),
  /** Of the community: the version of its service before and after, when it keeps that. */
  script: z.object({ app: z.string(), from: z.string().optional(), to: z.string().optional() }).optional(),
  /** The unit that was started anew. */
  restarted: z.string().optional(),
  secured: z.discriminatedUnion('by', [
    z.object({ by: z.literal('snapshot'), name: z.string() }),
    z.object({ by: z.literal('backup'), storage: z.string(), archive: z.string() }),
    z.object({ by: z.literal('nothing') }),
  ]),
  /** Snapshots of earlier updates that are gone now. */
  removed: z.array(z.string()),
  /** Packages that still wait. */
  left: z.int(),
  /** Absent when nothing is known to ask it by. */
  healthy: z.boolean().optional(),
  detail: z.string(),
  ms: z.number(),
})
export type Output = z.infer<typeof Output>

/** Packages that a card names. */
const SHOWN = 20

export function cardOf(output: Output): Card {
  const { name, vmid, node, updated, packages, script, restarted, secured, removed, left } = output
  const footer = guestPlace({ vmid, type: 'lxc', node })
  if (!updated)
    return {
      title: `${name} needs no update`,
      tone: 'ok',
      text: `Nothing was done: ${output.detail}.`,
      footer,
    }
  return {
    title: `${name} is updated`,
    tone: output.healthy === false || left > 0 ? 'warning' : 'ok',
    text: `${output.detail}, after ${duration(output.ms)}.`,
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Packages', value: String(packages.length) },
          ...(script === undefined ? [] : [{ name: script.app, value: versions(script.from, script.to) }]),
          ...(restarted === undefined ? [] : [{ name: 'Started anew', value: restarted }]),
          { name: 'Kept', value: kept(secured) },
          ...(left === 0 ? [] : [{ name: 'Still wait', value: String(left) }]),
        ],
      },
      ...(packages.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              columns: [{ name: 'Package' }, { name: 'Before' }, { name: 'Now' }],
              rows: packages.slice(0, SHOWN).map((each) => [each.name, each.from, each.to]),
            },
          ]),
      ...(packages.length > SHOWN
        ? [{ kind: 'text' as const, text: `And ${packages.length - SHOWN} more: the run's log has them.` }]
        : []),
      ...(removed.length === 0
        ? []
        : [{ kind: 'text' as const, text: `Gone, as this one is newer: ${removed.join(', ')}.` }]),
    ],
    ...(secured.by === 'snapshot'
      ? {
          buttons: [
            {
              label: 'Roll back',
              style: 'danger' as const,
              action: { kind: 'command' as const, text: `snapshot rollback ${vmid} ${secured.name}` },
            },
          ],
        }
      : {}),
    footer,
  }
}

function versions(from: string | undefined, to: string | undefined): string {
  if (from === undefined || to === undefined) return to ?? 'its script ran'
  return from === to ? `${to}, as before` : `${from} → ${to}`
}

const kept = (secured: Output['secured']): string =>
  secured.by === 'snapshot'
    ? `snapshot ${secured.name}, until the next update`
    : secured.by === 'backup'
      ? `${archiveFile(secured.archive)} on ${secured.storage}`
      : 'nothing'
