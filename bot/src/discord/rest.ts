import { REST, type RESTOptions } from 'discord.js'

const discordApi = 'https://discord.com/api'
/** Milliseconds until an answer begins. */
const answerMs = 10_000

export interface RestHooks {
  /** What Discord's clock said, milliseconds since 1970. */
  onTime?(at: number): void
  /** A call with the bot's token was answered with 401. */
  onUnauthorised?(): void
}

/** The stock client forgets its token at any 401, also at one that only Discord's own trouble has led to, and is mute from then on. */
class SteadyRest extends REST {
  readonly #onUnauthorised: (() => void) | undefined

  constructor(options: Partial<RESTOptions>, onUnauthorised: (() => void) | undefined) {
    super(options)
    this.#onUnauthorised = onUnauthorised
  }

  override setToken(token: string | null): this {
    if (token !== null) return super.setToken(token)
    this.#onUnauthorised?.()
    return this
  }
}

/** @param token without `Bot` before it */
export function createRest(token: string, api: string = discordApi, hooks: RestHooks = {}): REST {
  // Its own client takes no files while another version of undici is loaded, as it is for Proxmox: Node's fetch does.
  const makeRequest: RESTOptions['makeRequest'] = async (url, init) => {
    const response = await fetch(url, init as object)
    const at = Date.parse(response.headers.get('date') ?? '')
    if (!Number.isNaN(at)) hooks.onTime?.(at)
    return response
  }
  const rest = new SteadyRest(
    {
      api,
      version: '10',
      timeout: answerMs,
      makeRequest,
      // The courier waits and repeats: it knows what is still worth sending.
      retries: 0,
      // Each interaction has a rate limit of its own, which is kept until the next sweep.
      handlerSweepInterval: 15_000,
      rejectOnRateLimit: () => true,
    },
    hooks.onUnauthorised,
  )
  return rest.setToken(token)
}
