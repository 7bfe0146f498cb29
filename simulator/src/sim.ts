/** Everything that one simulated homelab is, handed to its servers. */
import { Clock } from './clock.ts'
import type { Faults } from './faults.ts'
import { noFaults } from './faults.ts'
import { FileWorld } from './files/world.ts'
import { Journal } from './journal.ts'
import { generated } from './lab/generated.ts'
import { homelab } from './lab/homelab.ts'
import { Insides } from './lab/insides.ts'
import { Lab } from './lab/lab.ts'
import { Power } from './lab/power.ts'
import { Replication } from './lab/replication.ts'
import type { Options } from './options.ts'
import { Access } from './pve/access.ts'
import { Tasks } from './pve/tasks.ts'
import { Random } from './random.ts'
import { moveMounts, openReal, type Real } from './real/real.ts'
import type { Output } from './ssh/answer.ts'

/** A container whose service is more than its health endpoint. */
export interface Machine {
  /** What `systemctl cat` prints of its unit. */
  unitText(): string
  /** Its unit is started anew. */
  restart(): void
  /** A program of its own; undefined: it has none of that name. */
  run(program: string, args: readonly string[]): Output | undefined
}

export interface Sim {
  readonly options: Options
  readonly clock: Clock
  readonly random: Random
  readonly faults: Faults
  readonly journal: Journal
  readonly lab: Lab
  readonly tasks: Tasks
  readonly power: Power
  readonly access: Access
  readonly replication: Replication
  /** Groups of PVE 8 and rules of PVE 9, by name. */
  readonly ha: {
    readonly groups: Map<string, Readonly<Record<string, string | number>>>
    readonly rules: Map<string, Readonly<Record<string, string>>>
  }
  /** What is installed in the containers. */
  readonly insides: Insides
  /** Of the nodes and the containers. */
  readonly files: FileWorld
  /** What an `occ` has set. */
  readonly nextcloud: { maintenance: boolean }
  /** What programs in containers have written into their journals, besides what these always say. */
  readonly logged: { readonly vmid: number; readonly at: number; readonly text: string }[]
  /** By VMID. */
  readonly machines: Map<number, Machine>
  /** Undefined: nothing in the lab is. */
  readonly real: Real | undefined
}

export function createSim(options: Options): Sim {
  const clock = new Clock(options.speed)
  const random = new Random(options.seed)
  const faults = noFaults()
  const journal = new Journal()
  const now = clock.now()
  const contents = options.guests > 0 || options.nodes > 1 ? generated(options, random, now) : homelab(now)
  const real = options.real === undefined ? undefined : openReal(options.real)
  if (real !== undefined) moveMounts(contents, real)
  const lab = new Lab(contents, clock, faults, journal)
  const tasks = new Tasks(clock, faults, journal, random, contents.nodes[0]?.bootedAt ?? now)
  const power = new Power(lab, clock, faults, tasks)
  const sim: Sim = {
    options,
    clock,
    random,
    faults,
    journal,
    lab,
    tasks,
    power,
    access: new Access(random, options.pve),
    replication: new Replication(clock, faults),
    ha: { groups: new Map(), rules: new Map() },
    insides: new Insides(
      options.guests > 0 || options.nodes > 1 ? [] : contents.guests,
      clock,
      faults,
      journal,
    ),
    nextcloud: { maintenance: false },
    logged: [],
    machines: new Map(),
    real,
    get files() {
      return files
    },
  }
  const files = new FileWorld(sim)
  return sim
}
