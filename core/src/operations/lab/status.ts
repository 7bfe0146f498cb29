import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Health, HealthReport } from '../../health/types.ts'
import { nothingVisible } from '../../inventory/resolve.ts'
import type { CourseSubject, Lab, ServiceRow, Target } from '../../inventory/types.ts'
import { blockOf } from '../../monitoring/series.ts'
import { didYouMean, joinWords } from '../../nearest.ts'
import type { Card, Cell, Section } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { percent, share } from '../../operation/view.ts'
import { inParallel } from '../../parallel.ts'
import { storageRows } from '../../storage/index.ts'
import { hidden, usageHidden } from '../node/list.ts'
import { StorageOutput, storageCells, storageColumns, storagesHidden } from '../storage/list.ts'

const Problem = z.object({
  severity: z.enum(['warning', 'error']),
  what: z.string(),
  text: z.string(),
  command: z.string().optional(),
})
type Problem = z.infer<typeof Problem>

/** Shares of 0 to 1, one for each half hour, the oldest first; null where nobody looked. */
const CourseOutput = z.array(z.number().nullable())

const ServiceState = z.object({
  name: z.string(),
  stack: z.string(),
  vmid: z.int().optional(),
  guest: z.string(),
  health: z.enum(['up', 'degraded', 'down', 'unknown', 'none']),
  detail: z.string(),
  /** Of its guest's cores. */
  cpuCourse: CourseOutput.optional(),
})
type ServiceState = z.infer<typeof ServiceState>

const Output = z.object({
  nodes: z.array(
    z.object({
      node: z.string(),
      status: z.string(),
      cpu: z.number(),
      mem: z.number(),
      maxmem: z.number(),
      cpuCourse: CourseOutput.optional(),
      memoryCourse: CourseOutput.optional(),
    }),
  ),
  storages: z.array(StorageOutput),
  services: z.array(ServiceState),
  problems: z.array(Problem),
  guests: z.object({ running: z.int(), total: z.int() }),
})

/** Health checks at the same time; a lab of thousands is not asked all at once. */
const PARALLEL = 24
/** More services than this are counted and not listed. */
const LISTED = 60

export const status = defineOperation({
  id: 'lab.status',
  chat: 'status',
  title: 'The lab at a glance',
  description:
    'What is wrong first, then nodes, storages, and services by stack with their health. One call to Proxmox.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    health: z.boolean().default(true).describe('Ask each service how it is'),
    stack: z.string().optional().describe('Only this stack'),
  }),
  output: Output,
  examples: ['status', 'status stack:media'],
  needs: ['lab', 'health', 'shells'],
  run: async ({ health: ask, stack }, { lab, health, shells }, { signal }) => {
    const overview = await lab.overview({ signal })
    if (overview.filtered) throw nothingVisible(lab.inventory)
    const only = stack?.replace(/^@/, '').toLowerCase()
    const all = await lab.services({ signal })
    const rows = all.filter((row) => only === undefined || row.stack.toLowerCase() === only)
    if (only !== undefined && rows.length === 0) {
      const stacks = [...new Set(all.map((row) => row.stack))]
      throw new HomelabError(
        'not-found',
        `There is no stack "${only.slice(0, 60)}".${didYouMean(only, stacks)}`,
        {
          hint: `There are ${joinWords(stacks)}.`,
        },
      )
    }
    const [storages, services] = await Promise.all([
      storageRows(lab, overview, shells, signal),
      inParallel(rows, PARALLEL, (row) => serviceState(lab, row, ask ? health : undefined, signal)),
    ])
    const blind = [
      ...(overview.nodes.some(hidden) ? [usageHidden] : []),
      ...(overview.storages.length === 0 ? [storagesHidden] : []),
    ].map((text): Problem => ({ severity: 'warning', what: 'rights', text }))
    const problems = [
      ...blind,
      ...overview.nodes
        .filter((node) => node.status !== 'online')
        .map((node): Problem => ({ severity: 'error', what: node.node, text: `node is ${node.status}` })),
      ...services.flatMap((service, index) => problemOf(service, rows[index]?.target)),
      ...storages.flatMap((storage) =>
        storage.problems.map(
          (problem): Problem => ({
            ...problem,
            what: storage.name,
            command: `storage show ${storage.name}`,
          }),
        ),
      ),
    ]
    return {
      nodes: overview.nodes.map(({ node, status: state, cpu, mem, maxmem }) => ({
        node,
        status: state,
        cpu,
        mem,
        maxmem,
        ...coursesOf(lab, node),
      })),
      storages: storages.map((row) => ({ ...row, problems: [...row.problems] })),
      services,
      problems: problems.sort((a, b) => Number(a.severity !== 'error') - Number(b.severity !== 'error')),
      guests: {
        running: overview.guests.filter((guest) => guest.status === 'running').length,
        total: overview.guests.length,
      },
    }
  },
  card: (output) => statusCard(output),
})

const courseOf = (lab: Lab, subject: CourseSubject): (number | null)[] | undefined =>
  lab.course(subject)?.map((value) => value ?? null)

function coursesOf(lab: Lab, node: string) {
  const cpuCourse = courseOf(lab, { of: 'cpu', node })
  const memoryCourse = courseOf(lab, { of: 'memory', node })
  return {
    ...(cpuCourse === undefined ? {} : { cpuCourse }),
    ...(memoryCourse === undefined ? {} : { memoryCourse }),
  }
}

/** `▂▃▅▇`: of the whole, so that what idles looks idle. */
const courseText = (course: z.infer<typeof CourseOutput> | undefined): string =>
  (course ?? []).map((value) => (value === null ? '·' : blockOf(value))).join('')

async function serviceState(
  lab: Lab,
  row: ServiceRow,
  health: Health | undefined,
  signal: AbortSignal,
): Promise<ServiceState> {
  const { name, stack, target } = row
  if (target === undefined)
    return { name, stack, guest: 'missing', health: 'unknown', detail: 'no such guest' }
  const { guest } = target
  const report: HealthReport =
    health === undefined ? { state: 'none', detail: '', ms: 0 } : await health.check(target, { signal })
  const cpuCourse = courseOf(lab, { of: 'cpu', vmid: guest.vmid })
  return {
    ...{ name, stack, vmid: guest.vmid, guest: guest.status, health: report.state, detail: report.detail },
    ...(cpuCourse === undefined ? {} : { cpuCourse }),
  }
}

function problemOf(service: ServiceState, target: Target | undefined): readonly Problem[] {
  if (target === undefined)
    return [
      { severity: 'warning', what: service.name, text: 'homelab.yaml names a guest that does not exist' },
    ]
  const { guest } = target
  // A stopped guest is only wrong when somebody counts on it: a service of the file does.
  const expected = target.service !== undefined && !guest.template
  const waits =
    target.dependents.length === 0
      ? ''
      : `; ${joinWords(target.dependents.slice(0, 4))} need${target.dependents.length === 1 ? 's' : ''} it`
  if (guest.status === 'unknown')
    return [{ severity: 'error', what: service.name, text: 'Proxmox does not know its state' }]
  if (expected && guest.status !== 'running') {
    return [
      {
        severity: 'error',
        what: service.name,
        text: `${guest.status}${waits}`,
        command: `start ${service.name}`,
      },
    ]
  }
  if (service.health === 'down')
    return [
      {
        severity: 'error',
        what: service.name,
        text: `${service.detail}${waits}`,
        command: `restart ${service.name}`,
      },
    ]
  if (service.health === 'degraded')
    return [
      { severity: 'warning', what: service.name, text: service.detail, command: `logs ${service.name}` },
    ]
  return []
}

function statusCard({ nodes, storages, services, problems, guests }: z.infer<typeof Output>): Card {
  const errors = problems.filter((problem) => problem.severity === 'error')
  const sections: Section[] = []
  if (problems.length > 0) {
    const shown = problems.slice(0, 20).map((problem) => `${problem.what}: ${problem.text}`)
    if (problems.length > shown.length) shown.push(`… ${problems.length - shown.length} more`)
    sections.push({ kind: 'list', title: 'What is wrong', items: shown })
  }
  sections.push({
    kind: 'table',
    title: 'Nodes',
    columns: [
      { name: 'Node' },
      { name: 'State' },
      { name: 'CPU', align: 'right' },
      { name: 'Memory', align: 'right' },
    ],
    rows: nodes.map((node) => [
      node.node,
      { text: node.status, tone: node.status === 'online' ? 'ok' : 'error' },
      after(node.cpuCourse, percent(node.cpu)),
      after(node.memoryCourse, share(node.mem, node.maxmem, 0.9, 0.97)),
    ]),
  })
  sections.push({
    kind: 'table',
    title: 'Storages',
    columns: storageColumns,
    rows: storages.map(storageCells),
  })
  const listed =
    services.length <= LISTED
      ? services
      : services
          .filter((service) => service.health === 'down' || service.health === 'degraded')
          .slice(0, LISTED)
  const stacks = [...new Set(listed.map((service) => service.stack))]
  for (const stack of stacks) {
    const own = listed.filter((service) => service.stack === stack)
    const courses = own.some(({ cpuCourse }) => cpuCourse !== undefined)
    sections.push({
      kind: 'table',
      title: stack === '' ? 'Services' : stack,
      columns: [
        ...[{ name: 'Service' }, { name: 'Health' }],
        ...(courses ? [{ name: 'CPU', align: 'right' as const }] : []),
        { name: 'Detail' },
      ],
      rows: own.map((service) => [
        ...[service.name, healthCell(service)],
        ...(courses ? [courseText(service.cpuCourse)] : []),
        service.detail,
      ]),
    })
  }
  const up = services.filter((service) => service.health === 'up').length
  const counts = `${guests.running} of ${guests.total} guests running${up > 0 ? `, ${up} services answer` : ''}`
  return {
    title:
      problems.length === 0
        ? 'All is well'
        : `${problems.length} ${problems.length === 1 ? 'thing is' : 'things are'} wrong`,
    tone: errors.length > 0 ? 'error' : problems.length > 0 ? 'warning' : 'ok',
    text: counts,
    sections,
    ...(nodes.some(({ cpuCourse }) => cpuCourse !== undefined)
      ? { footer: 'CPU and memory: the last hours, a mark for each half hour' }
      : {}),
    buttons: problems
      .flatMap((problem) => problem.command ?? [])
      .slice(0, 4)
      .map((text) => ({
        label: text.charAt(0).toUpperCase() + text.slice(1),
        action: { kind: 'command' as const, text },
      })),
  }
}

/** A course before the figure that it leads to. */
function after(course: z.infer<typeof CourseOutput> | undefined, cell: Cell): Cell {
  if (course === undefined) return cell
  const text = courseText(course)
  return typeof cell === 'string' ? `${text} ${cell}` : { ...cell, text: `${text} ${cell.text}` }
}

function healthCell(service: { readonly guest: string; readonly health: ServiceState['health'] }): Cell {
  if (service.guest !== 'running')
    return { text: service.guest, tone: service.guest === 'stopped' ? 'warning' : 'error' }
  const tone = { up: 'ok', degraded: 'warning', down: 'error', unknown: 'warning', none: 'neutral' } as const
  return { text: service.health === 'none' ? 'running' : service.health, tone: tone[service.health] }
}
