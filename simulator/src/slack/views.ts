/** Modals, stacked up to three, and homes, one for each person. */
import type { App } from './app.ts'
import { fillIds } from './blocks/views.ts'
import type { Json } from './json.ts'
import { isObject, objects, string } from './json.ts'
import { Refusal } from './refusal.ts'
import type { Workspace } from './workspace.ts'

const MOST_STACKED = 3

export interface View {
  readonly id: string
  readonly user: string
  /** As the app gave it, with the ids that Slack fills in. */
  body: Json
  hash: string
  readonly root: string
  readonly previous: string | undefined
  /** block_id → action_id → what the person chose or typed. */
  state: Record<string, Record<string, Json>>
}

export class Views {
  readonly #workspace: Workspace
  readonly #app: App
  readonly #homes = new Map<string, View>()
  readonly #stacks = new Map<string, View[]>()

  constructor(workspace: Workspace, app: App) {
    this.#workspace = workspace
    this.#app = app
  }

  #new(user: string, body: Json, below: View | undefined): View {
    const id = this.#workspace.newId('V')
    return {
      id,
      user,
      body: this.#filled(body),
      hash: this.#hash(),
      root: below?.root ?? id,
      previous: below?.id,
      state: {},
    }
  }

  #hash = (): string => `${Math.floor(this.#workspace.now() / 1000)}.${this.#workspace.newId('h')}`

  #filled = (body: Json): Json => ({
    ...body,
    blocks: fillIds(objects(body.blocks), () => this.#workspace.newId('b').slice(0, 6)),
  })

  /** Opens a modal; whatever was open is closed. */
  open(user: string, body: Json): View {
    const external = string(body.external_id)
    if (external && this.find({ external_id: external })) throw new Refusal('duplicate_external_id')
    const view = this.#new(user, body, undefined)
    this.#stacks.set(user, [view])
    return view
  }

  /** @throws Refusal when three are stacked already */
  push(user: string, body: Json): View {
    const stack = this.#stacks.get(user) ?? []
    if (stack.length >= MOST_STACKED) throw new Refusal('push_limit_reached')
    const view = this.#new(user, body, stack.at(-1))
    this.#stacks.set(user, [...stack, view])
    return view
  }

  update(view: View, body: Json): View {
    view.body = this.#filled(body)
    view.hash = this.#hash()
    // What was typed stays where the block and the action are still there.
    const blocks = objects(view.body.blocks).map(({ block_id: id }) => id)
    view.state = Object.fromEntries(Object.entries(view.state).filter(([block]) => blocks.includes(block)))
    return view
  }

  publish(user: string, body: Json): View {
    const view = this.#homes.get(user)
    if (view) return this.update(view, body)
    const made = this.#new(user, body, undefined)
    this.#homes.set(user, made)
    return made
  }

  home(user: string): View | undefined {
    return this.#homes.get(user)
  }

  /** The modal that is on top. */
  modal(user: string): View | undefined {
    return this.#stacks.get(user)?.at(-1)
  }

  stack(user: string): readonly View[] {
    return this.#stacks.get(user) ?? []
  }

  pop(user: string): void {
    this.#stacks.set(user, this.stack(user).slice(0, -1))
  }

  closeAll(user: string): void {
    this.#stacks.delete(user)
  }

  find({ view_id: id, external_id: external }: Json): View | undefined {
    const all = [...this.#homes.values(), ...[...this.#stacks.values()].flat()]
    return all.find((view) => (id !== undefined ? view.id === id : view.body.external_id === external))
  }

  clear(): void {
    this.#homes.clear()
    this.#stacks.clear()
  }

  /** As the API and the payloads show it. */
  json(view: View): Json {
    const { body } = view
    return {
      id: view.id,
      team_id: this.#workspace.team,
      type: body.type,
      blocks: body.blocks,
      private_metadata: string(body.private_metadata) ?? '',
      callback_id: string(body.callback_id) ?? '',
      state: { values: view.state },
      hash: view.hash,
      title: isObject(body.title) ? body.title : { type: 'plain_text', text: 'View Title', emoji: true },
      clear_on_close: body.clear_on_close === true,
      notify_on_close: body.notify_on_close === true,
      close: body.close ?? null,
      submit: body.submit ?? null,
      previous_view_id: view.previous ?? null,
      root_view_id: view.root,
      app_id: this.#app.id,
      external_id: string(body.external_id) ?? '',
      app_installed_team_id: this.#workspace.team,
      bot_id: this.#app.botId,
    }
  }
}
