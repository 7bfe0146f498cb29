import { REST, type RESTOptions } from 'discord.js'

const discordApi = 'https://discord.com/api'
/** Milliseconds until an answer begins. */
const answerMs = 10_000

// Its own client takes no files while another version of undici is loaded, as it is for Proxmox: Node's fetch does.
const makeRequest: RESTOptions['makeRequest'] = (url, init) => fetch(url, init as object)

/** @param token without `Bot` before it */
export const createRest = (token: string, api: string = discordApi): REST =>
  new REST({
    api,
    version: '10',
    timeout: answerMs,
    makeRequest,
    // The courier waits and repeats: it knows what is still worth sending.
    retries: 0,
    // Each interaction has a rate limit of its own, which is kept until the next sweep.
    handlerSweepInterval: 15_000,
    rejectOnRateLimit: () => true,
  }).setToken(token)
