import { z } from 'zod'
import { historyText, incidentCard } from '../../alerts/card.ts'
import { incidentOf, keptOf } from '../../alerts/incident.ts'
import { KeptIncident } from '../../alerts/types.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { incidentInput } from './row.ts'

/** Lines of its history on the card; all of them are in its thread. */
const LINES = 15

export const alertShow = defineOperation({
  id: 'alert.show',
  chat: 'alert show',
  title: 'Show an incident',
  description: 'What it is about, its alerts with their labels, who did what, and what is folded beneath it.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({ incident: incidentInput }),
  output: z.object({
    incident: KeptIncident,
    /** Folded beneath it. */
    children: z.array(KeptIncident),
    parent: KeptIncident.optional(),
    timezone: z.string().optional(),
    /** ISO 8601: when it was looked. */
    at: z.string(),
  }),
  positional: ['incident'],
  examples: ['alert show k7f3', 'alert show plex'],
  needs: ['incidents', 'lab', 'clock'],
  run: async ({ incident: wanted }, { incidents, lab, clock }) => {
    const incident = await incidents.get(wanted)
    if (incident === undefined)
      throw new HomelabError('not-found', `There is no incident "${wanted.slice(0, 60)}".`, {
        hint: '`alert list` shows those that are open, `alert list all:true` those that are over as well.',
      })
    const { timezone } = lab.inventory
    const all = await incidents.list({ open: false, limit: 200 })
    const parent = incident.parent === undefined ? undefined : await incidents.get(incident.parent)
    return {
      incident: keptOf(incident),
      children: all.filter((each) => each.parent === incident.id).map(keptOf),
      ...(parent === undefined ? {} : { parent: keptOf(parent) }),
      ...(timezone === undefined ? {} : { timezone }),
      at: clock.now().toISOString(),
    }
  },
  card({ incident, children, parent, timezone, at }) {
    const now = new Date(at)
    const card = incidentCard(incidentOf(incident), {
      now,
      timezone,
      children: children.map(incidentOf),
      parent: parent === undefined ? undefined : incidentOf(parent),
    })
    const history = incident.history.slice(-LINES).map((line) => historyText(line, timezone, now))
    const left = incident.history.length + incident.dropped - history.length
    const [first] = incident.alerts
    return {
      ...card,
      sections: [
        ...(card.sections ?? []),
        ...(first === undefined || first.source === 'homelab'
          ? []
          : [
              {
                kind: 'fields' as const,
                title: first.name,
                fields: Object.entries(first.labels).map(([name, value]) => ({ name, value })),
              },
            ]),
        {
          kind: 'list',
          title: left > 0 ? `History, ${left} earlier lines left out` : 'History',
          items: history,
        },
      ],
      ...(card.buttons === undefined
        ? {}
        : { buttons: card.buttons.filter(({ label }) => label !== 'History') }),
    }
  },
})
