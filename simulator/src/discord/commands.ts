/** The registered commands of each scope: `global`, or a guild's id. */
import { checkAllCommands, checkCommand } from './check/commands.ts'
import type { Json } from './check/form.ts'
import { isJson } from './check/form.ts'
import { refuse } from './error.ts'
import type { Faults } from './faults.ts'
import { snowflake } from './ids.ts'
import type { Journal } from './journal.ts'

export interface Command extends Json {
  readonly id: string
  readonly name: string
  readonly type: number
  readonly version: string
}

const MOST = 100

/** What is absent, empty or false is not said again: a client that compares must know that. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal)
  if (!isJson(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, one]) => {
        if (one === undefined || one === null) return false
        if ((name === 'required' || name === 'autocomplete') && one === false) return false
        return !((name === 'choices' || name === 'options' || name === 'channel_types') && isEmpty(one))
      })
      .map(([name, one]) => [name, name === 'value' ? one : normal(one)]),
  )
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0

/** Key order does not make a command another one. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, one: unknown) =>
    isJson(one) ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1))) : one,
  )

export class Commands {
  readonly #scopes = new Map<string, readonly Command[]>()
  readonly #creates = new Map<string, number>()
  readonly #application: string
  readonly #faults: Faults
  readonly #journal: Journal

  constructor(application: string, faults: Faults, journal: Journal) {
    this.#application = application
    this.#faults = faults
    this.#journal = journal
  }

  clear(): void {
    this.#scopes.clear()
    this.#creates.clear()
  }

  drop(scope: string): void {
    this.#scopes.delete(scope)
  }

  list(scope: string): readonly Command[] {
    return this.#scopes.get(scope) ?? []
  }

  /** @throws ApiError 10063 */
  get(scope: string, id: string): Command {
    const command = this.list(scope).find((one) => one.id === id)
    if (!command) throw refuse('unknownCommand')
    return command
  }

  #make(scope: string, body: Json, old: Command | undefined): Command {
    const plain = normal({ ...body, id: undefined, version: undefined }) as Json
    const whole = {
      application_id: this.#application,
      default_member_permissions: null,
      type: 1,
      description: '',
      nsfw: false,
      contexts: null,
      integration_types: [0],
      ...(scope === 'global' ? { dm_permission: true } : { guild_id: scope }),
      ...plain,
      name: String(body.name),
    }
    const made = { ...whole, type: Number(body.type ?? 1) }
    if (old && canonical({ ...old, id: '', version: '' }) === canonical({ ...made, id: '', version: '' }))
      return old
    return { ...made, id: old?.id ?? snowflake(), version: snowflake() }
  }

  #save(scope: string, list: readonly Command[], creates: number): void {
    const used = this.#creates.get(scope) ?? 0
    if (creates > 0 && used + creates > this.#faults.createsLeft) throw refuse('tooManyCreates')
    if (list.filter(({ type }) => type === 1).length > MOST) throw refuse('tooManyCommands')
    this.#creates.set(scope, used + creates)
    this.#scopes.set(scope, list)
    this.#journal.add({ kind: 'commands', scope, names: list.map(({ name }) => name), creates })
  }

  #twin(scope: string, body: Json): Command | undefined {
    return this.list(scope).find(({ name, type }) => name === body.name && type === (body.type ?? 1))
  }

  /** One of the same name is replaced and costs nothing of the day's budget. */
  create(scope: string, body: Json): { command: Command; isNew: boolean } {
    checkCommand(body)
    const old = this.#twin(scope, body)
    const command = this.#make(scope, body, old)
    const others = this.list(scope).filter((one) => one !== old)
    this.#save(scope, [...others, command], old ? 0 : 1)
    return { command, isNew: !old }
  }

  replaceAll(scope: string, bodies: readonly Json[]): readonly Command[] {
    checkAllCommands(bodies)
    const made = bodies.map((body) => ({ old: this.#twin(scope, body), body }))
    const list = made.map(({ old, body }) => this.#make(scope, body, old))
    this.#save(scope, list, made.filter(({ old }) => !old).length)
    return list
  }

  edit(scope: string, id: string, body: Json): Command {
    const old = this.get(scope, id)
    const whole = { ...old, ...body }
    checkCommand(whole)
    const command = this.#make(scope, whole, old)
    this.#save(
      scope,
      this.list(scope).map((one) => (one === old ? command : one)),
      0,
    )
    return command
  }

  remove(scope: string, id: string): void {
    const old = this.get(scope, id)
    this.#save(
      scope,
      this.list(scope).filter((one) => one !== old),
      0,
    )
  }
}
