import type { Approvals, Lab, Schedules, Suggestion, SuggestKind } from '@homelab/core'
import { type Incident, isOpen } from '@homelab/core/alerts'
import type { Runs } from '../runs/index.ts'

/** Runs that completion offers: the newest. */
const KEPT = 50
/** Milliseconds after which completion has the lab looked at again, behind the person's back. */
const STALE_MS = 15_000

/** Completions from memory: names of the lab, ids of the latest runs, of what waits for approval and of schedules. */
export function createSuggest(
  lab: Lab,
  runs: Pick<Runs, 'onAny' | 'list'>,
  approvals: () => Approvals | undefined,
  schedules: () => Schedules,
  incidents: () => readonly Incident[],
  deployments: () => readonly string[],
  blueprints: () => readonly string[],
) {
  const recent = new Map<string, Suggestion>()
  const remember = (id: string, title: string) => {
    recent.delete(id)
    recent.set(id, { value: id, label: title })
    const [oldest] = recent.keys()
    if (recent.size > KEPT && oldest !== undefined) recent.delete(oldest)
  }
  const stop = runs.onAny((run) => remember(run.id, run.title))
  runs.list({ limit: KEPT }).then(
    (views) => {
      for (const view of views.toReversed()) remember(view.id, view.title)
    },
    // Completion without old runs is still completion.
    () => undefined,
  )
  let asked = 0
  const refresh = () => {
    if (Date.now() - asked < STALE_MS) return
    asked = Date.now()
    lab.overview().catch(() => undefined)
  }
  return {
    stop,
    suggest(kind: SuggestKind, typed: string, limit: number): readonly Suggestion[] {
      if (kind === 'runs')
        return [...recent.values()]
          .reverse()
          .filter(({ value }) => value.startsWith(typed))
          .slice(0, limit)
      if (kind === 'approvals')
        return (approvals()?.open() ?? [])
          .filter(({ id }) => id.startsWith(typed))
          .slice(0, limit)
          .map(({ id, summary }) => ({ value: id, label: summary }))
      if (kind === 'backups')
        return lab.inventory.backups
          .filter(({ name, title }) => `${name} ${title ?? ''}`.toLowerCase().includes(typed.toLowerCase()))
          .slice(0, limit)
          .map(({ name, title }) => ({ value: name, label: title ?? name }))
      if (kind === 'workflows')
        return (lab.inventory.n8n?.workflows ?? [])
          .filter(({ name, title }) => `${name} ${title ?? ''}`.toLowerCase().includes(typed.toLowerCase()))
          .slice(0, limit)
          .map(({ name, title }) => ({ value: name, label: title ?? name }))
      if (kind === 'schedules')
        return schedules()
          .list()
          .filter(({ id }) => id.includes(typed.toLowerCase()))
          .slice(0, limit)
          .map(({ id, title }) => ({ value: id, label: title }))
      if (kind === 'incidents')
        return incidents()
          .filter(
            (incident) =>
              isOpen(incident) &&
              `${incident.id} ${incident.title}`.toLowerCase().includes(typed.toLowerCase()),
          )
          .reverse()
          .slice(0, limit)
          .map(({ id, title }) => ({ value: id, label: title }))
      if (kind === 'blueprints')
        return blueprints()
          .filter((name) => name.includes(typed.toLowerCase()))
          .slice(0, limit)
          .map((value) => ({ value }))
      if (kind === 'deployments')
        return deployments()
          .filter((name) => name.includes(typed.toLowerCase()))
          .slice(0, limit)
          .map((value) => ({ value }))
      refresh()
      return lab.suggest(kind, typed, limit)
    },
  }
}
