/** Which service is to be made, from which blueprint, and where. Everything that can be refused without asking anybody. */
import { HomelabError } from '../errors.ts'
import { type Lab, serviceFrom } from '../inventory/index.ts'
import type { ServiceEntry } from '../inventory/schema.ts'
import { didYouMean } from '../nearest.ts'
import type { Blueprint, Blueprints, NamedBlueprint } from './blueprint.ts'

/** What one asks for; what is left out is as the blueprint has it. */
export interface Wanted {
  readonly blueprint: string
  readonly name?: string | undefined
  readonly node?: string | undefined
  readonly storage?: string | undefined
  readonly vmid?: number | undefined
  readonly cores?: number | undefined
  /** MiB */
  readonly memory?: number | undefined
  /** GiB */
  readonly disk?: number | undefined
  /** `192.168.1.150/24`; left out: by DHCP. */
  readonly ip?: string | undefined
  readonly gateway?: string | undefined
  /** Left out: vmbr0; of a VM that of its template. */
  readonly bridge?: string | undefined
  readonly expose?: boolean | undefined
  readonly public?: boolean | undefined
  readonly hostname?: string | undefined
  readonly gpu?: boolean | undefined
}

/** @throws HomelabError `not-found` with those that there are */
export async function blueprintNamed(wanted: string, blueprints: Blueprints): Promise<NamedBlueprint> {
  const all = await blueprints.list()
  const found = all.find(({ name }) => name === wanted.toLowerCase())
  if (found !== undefined) return found
  const names = all.map(({ name }) => name)
  throw new HomelabError('not-found', `There is no blueprint "${wanted}".${didYouMean(wanted, names)}`, {
    hint: `There are ${names.join(', ')}. docs/blueprints.md says how to write one.`,
    data: { blueprints: names },
  })
}

/** The blueprint, with what was asked for over it. */
export function asked({ blueprint }: NamedBlueprint, wanted: Wanted): Blueprint {
  const { gpu, expose, ...rest } = blueprint
  const open = wanted.public ?? expose?.public ?? false
  const exposed = wanted.expose ?? (expose !== undefined || wanted.hostname !== undefined)
  if (exposed && blueprint.private)
    throw new HomelabError(
      'conflict',
      `${blueprint.title} is never exposed: its blueprint says \`private\`.`,
      {
        hint: 'Leave `expose` out. If it has changed, write a blueprint of your own.',
      },
    )
  return {
    ...rest,
    cores: wanted.cores ?? blueprint.cores,
    memory: wanted.memory ?? blueprint.memory,
    disk: wanted.disk ?? blueprint.disk,
    ...(gpu === undefined || wanted.gpu === false ? {} : { gpu }),
    ...(exposed
      ? {
          expose: {
            ...expose,
            public: open,
            ...(wanted.hostname === undefined ? {} : { hostname: wanted.hostname }),
          },
        }
      : {}),
  }
}

/** As homelab.yaml will have it. */
export const entryFor = (name: string, guest: number, found: NamedBlueprint): ServiceEntry =>
  serviceFrom(name, writtenFor(name, guest, found))

/** What the catalogue does not know by itself. */
export function writtenFor(name: string, guest: number, { name: from, blueprint }: NamedBlueprint) {
  const kind = blueprint.kind ?? from
  const plain = serviceFrom(name, { guest, ...(kind === name ? {} : { kind }) })
  const isKnown = plain.kind !== undefined
  return {
    guest,
    ...(isKnown && kind !== name ? { kind } : {}),
    // Its database is not of its own name then.
    ...(from === name ? {} : { blueprint: from }),
    ...(plain.title === blueprint.title || (isKnown && kind !== name) ? {} : { title: blueprint.title }),
    ...(plain.stack === blueprint.stack ? {} : { stack: blueprint.stack }),
    ...(blueprint.port === undefined || plain.port === blueprint.port ? {} : { port: blueprint.port }),
    ...(blueprint.unit === undefined || plain.unit === blueprint.unit ? {} : { unit: blueprint.unit }),
    ...(blueprint.health === undefined || (isKnown && plain.port === blueprint.port)
      ? {}
      : { health: blueprint.health }),
    ...(blueprint.needs.length === 0 ? {} : { needs: [...blueprint.needs] }),
    ...(blueprint.private ? { private: true } : {}),
    ...(blueprint.confirm ? { confirm: true } : {}),
  }
}

const nameRule = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** @throws HomelabError `usage`, `conflict` when there is a guest or another service of this name */
export async function freeName(
  name: string,
  vmid: number | undefined,
  lab: Lab,
  signal: AbortSignal,
): Promise<void> {
  if (!nameRule.test(name) || /^\d+$/.test(name))
    throw new HomelabError('usage', `"${name}" cannot be the name of a container.`, {
      hint: 'Small letters, digits and "-", and not digits alone.',
    })
  const { guests } = await lab.overview({ fresh: true, signal })
  const guest = guests.find((each) => each.name.toLowerCase() === name)
  if (guest !== undefined)
    throw new HomelabError(
      'conflict',
      `There is a guest ${name} already (${guest.type === 'lxc' ? 'CT' : 'VM'} ${guest.vmid} on ${guest.node}).`,
      {
        hint: `\`guest show ${name}\`. For another one give it another name: \`name:${name}2\`.`,
        data: { vmid: guest.vmid, node: guest.node },
      },
    )
  const entry = lab.inventory.services.find((each) => each.name.toLowerCase() === name)
  if (typeof entry?.guest === 'number' && entry.guest !== vmid)
    throw new HomelabError('conflict', `homelab.yaml says that ${name} is guest ${entry.guest}.`, {
      hint: `If that is gone for good, give it the same number (\`vmid:${entry.guest}\`), or take \`services.${entry.name}\` out.`,
      data: { vmid: entry.guest },
    })
  const rows = await lab.services({ signal })
  const row = rows.find((each) => each.name.toLowerCase() === name)
  if (row?.target !== undefined)
    throw new HomelabError('conflict', `${name} runs on ${row.target.guest.name} already.`, {
      hint: `\`guest show ${name}\`. For another one give it another name: \`name:${name}2\`.`,
    })
}
