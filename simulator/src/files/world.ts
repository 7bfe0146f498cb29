/** All files of the lab, of each node and of each container while there is one of its number; and what runs in these. */
import type { Guest } from '../lab/model.ts'
import type { Sim } from '../sim.ts'
import { ContainerFiles } from './container.ts'
import { NodeFiles } from './node.ts'
import type { Files } from './tree.ts'

export interface Unit {
  enabled: boolean
  active: boolean
}

export interface Inside {
  readonly files: Files
  /** systemd units that were enabled, started or stopped, by their full names. */
  readonly units: Map<string, Unit>
  readonly packages: Set<string>
}

export class FileWorld {
  readonly #sim: Sim
  readonly #nodes = new Map<string, NodeFiles>()
  readonly #containers = new Map<number, Inside & { readonly guest: Guest }>()

  constructor(sim: Sim) {
    this.#sim = sim
    sim.lab.onChange((guest) => {
      if (!sim.lab.guests.has(guest.vmid)) this.#containers.delete(guest.vmid)
      const units = this.#containers.get(guest.vmid)?.units ?? new Map<string, Unit>()
      for (const unit of units.values())
        unit.active = guest.state === 'running' && (unit.active || unit.enabled)
    })
  }

  node(name: string): Files {
    const files = this.#nodes.get(name) ?? new NodeFiles(this.#sim, name)
    this.#nodes.set(name, files)
    return files
  }

  container(guest: Guest): Inside {
    const known = this.#containers.get(guest.vmid)
    // One of the same number that came after it has a disk of its own.
    if (known?.guest === guest) return known
    const made = {
      guest,
      files: new ContainerFiles(guest, () => this.node(guest.node)),
      units: new Map<string, Unit>(),
      packages: new Set<string>(),
    }
    this.#containers.set(guest.vmid, made)
    return made
  }

  reset(): void {
    this.#nodes.clear()
    this.#containers.clear()
  }
}
