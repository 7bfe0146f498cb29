/** The incidents about what a graph is of, while they were open in its time. */
import type { Incident, Severity } from '../../alerts/types.ts'
import type { Span, Subject } from '../../monitoring/types.ts'
import type { Incidents } from '../../operation/services.ts'
import type { Wanted } from './words.ts'

export interface IncidentWindow {
  readonly id: string
  readonly title: string
  readonly severity: Severity
  /** Milliseconds since the epoch. */
  readonly from: number
  /** Absent while it is open. */
  readonly to?: number
}

/** More than these nobody could tell apart in a picture. */
const MOST = 20
const LOOKED_THROUGH = 1_000

export async function incidentsAbout(
  incidents: Incidents | undefined,
  wanted: Pick<Wanted, 'subject' | 'title'>,
  span: Span,
): Promise<IncidentWindow[]> {
  const all = (await incidents?.list({ open: false, limit: LOOKED_THROUGH })) ?? []
  return all
    .filter(({ about }) => isAbout(about, wanted))
    .map(({ id, title, severity, openedAt, resolvedAt }) => ({
      ...{ id, title, severity, from: Date.parse(openedAt) },
      ...(resolvedAt === undefined ? {} : { to: Date.parse(resolvedAt) }),
    }))
    .filter(({ from, to = span.to }) => from <= span.to && to >= span.from)
    .slice(0, MOST)
    .toSorted((a, b) => a.from - b.from)
}

/** What is wrong with a guest is not wrong with its node, though that is named too. */
function isAbout(about: Incident['about'], { subject, title }: Pick<Wanted, 'subject' | 'title'>): boolean {
  const { vmid, guest, service, storage, node } = about
  switch (subject.kind) {
    case 'guest':
      return vmid === undefined ? [guest, service].includes(title) : vmid === subject.guest.vmid
    case 'storage':
      return (
        storage !== undefined && namesOf(subject).includes(storage) && (node ?? subject.node) === subject.node
      )
    case 'node':
      return node === subject.node && [vmid, guest, service, storage].every((each) => each === undefined)
  }
}

const namesOf = ({ name, storage }: Extract<Subject, { kind: 'storage' }>): readonly string[] =>
  storage === undefined ? [name] : [name, storage]
