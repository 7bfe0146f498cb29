/**
 * A new secret for the tunnel. From the moment that Cloudflare has it, there is no way back: the old one is good for the
 * connections that stand and for no new one. So a run goes on after a crash, and every step of it may be done twice.
 */
import type { Connector } from '../cloudflare/types.ts'
import { errorData, HomelabError } from '../errors.ts'
import { joinWords } from '../nearest.ts'
import type { Json, Plan, Verbs } from '../operation/types.ts'
import { Secret } from '../secret.ts'
import { toBase64 } from './base64.ts'
import { isUp } from './checks.ts'
import { type ConnectorPlace, connectorPlaces, restartConnector } from './connector.ts'
import { findTokenPlace, type TokenPlace, tryToken, writeToken } from './token-place.ts'
import type { NetworkServices } from './types.ts'
import { patient } from './undo.ts'
import { tunnelOf, tunnelSettings } from './where.ts'

/** Cloudflare asks for 32 at least. */
const SECRET_BYTES = 48
/** Milliseconds until a restarted connector has to show at Cloudflare. */
const CONNECT_MS = 60_000

export interface Rotated {
  readonly tunnel: string
  /** Where the new token was put, for people. */
  readonly places: readonly string[]
  /** Connectors that still ran by the old one. */
  readonly dropped: number
  readonly connectors: number
  readonly status: string
  readonly ms: number
}

interface Look {
  readonly tunnel: { readonly id: string; readonly name: string }
  readonly before: readonly string[]
  readonly fingerprint: string
  readonly tokens: readonly TokenPlace[]
  readonly names: readonly string[]
}

async function look(services: NetworkServices, signal: AbortSignal) {
  const { network } = services
  const settings = tunnelSettings(network)
  const tunnel = await tunnelOf(network, signal)
  const [connectors, places, token] = await Promise.all([
    network.cloudflare.connectors(tunnel.id, signal),
    connectorPlaces(settings, services, signal),
    network.cloudflare.connectorToken(tunnel.id, signal),
  ])
  // Before anything is changed: a new secret that cannot be put anywhere would end the tunnel.
  const tokens: TokenPlace[] = []
  for (const place of places) {
    const where = await findTokenPlace(place, settings.config, signal)
    await tryToken(place, where, { tunnel: tunnel.id, token }, signal)
    tokens.push(where)
  }
  return { tunnel, connectors, places, tokens, token }
}

export async function planRotation(services: NetworkServices, signal: AbortSignal): Promise<Plan> {
  const { tunnel, connectors, places, tokens } = await look(services, signal)
  const several = places.length > 1
  const foreign = connectors.length - places.length
  return {
    summary: `Give the tunnel ${tunnel.name} a new secret`,
    steps: [
      `Cloudflare gets a new secret of ${SECRET_BYTES} bytes; from then on the old one connects nobody anew`,
      ...places.flatMap(({ name }, at) => [
        `${name}: the new token into ${tokens[at]?.path}`,
        `${name}: cloudflared is restarted, and has to connect`,
      ]),
      'Connections by the old secret are dropped',
      'The tunnel has to be healthy again',
    ],
    affects: [
      {
        name: 'Everything behind the tunnel',
        why: several
          ? `no outage: ${places.length} connectors are restarted one after the other; only requests under way are cut off`
          : 'error 1033 for some seconds, while the only connector is restarted',
      },
    ],
    warnings: [
      ...(foreign > 0
        ? [
            `${connectors.length} connectors are connected, and homelab.yaml names ${places.length}: the others are dropped, and need the new token by hand.`,
          ]
        : []),
      ...(isUp(tunnel) ? [] : [`The tunnel is ${tunnel.status} now.`]),
      'There is no way back to the old secret.',
    ],
    locks: [`tunnel/${tunnel.id}`],
    confirm: true,
    state: {
      tunnel: tunnel.id,
      connectors: connectors.map(({ id }) => id),
      tokens: tokens.map(({ kind, path }) => `${kind} ${path}`),
    },
  }
}

export async function runRotation(services: NetworkServices, given: Verbs): Promise<Rotated> {
  const { network, clock } = services
  const { cloudflare, crypto } = network
  const verbs = patient(given, clock)
  const began = clock.monotonic()
  const found = (await verbs.step('look', async () => {
    const { tunnel, connectors, places, tokens, token } = await look(services, verbs.signal)
    const seen: Look = {
      tunnel: { id: tunnel.id, name: tunnel.name },
      before: connectors.map(({ id }) => id),
      fingerprint: crypto.fingerprint(token.reveal()),
      tokens,
      names: places.map(({ name }) => name),
    }
    return seen as unknown as Json
  })) as unknown as Look
  const { id, name } = found.tunnel
  const settings = tunnelSettings(network)
  const placeOf = async (place: string): Promise<ConnectorPlace> => {
    const all = await connectorPlaces(settings, services)
    const same = all.find((each) => each.name === place)
    if (same === undefined) throw new HomelabError('conflict', `${place} is not there any more.`)
    return same
  }
  const tokenAt = (at: number): TokenPlace => {
    const token = found.tokens[at]
    if (token === undefined) throw new HomelabError('bug', `no place of the token of ${found.names[at]}`)
    return token
  }
  // Whatever ends the run behind that: a connector that starts with the old one would not come up again.
  verbs.undo(`the old secret of ${name}`, async () => {
    const token = await cloudflare.connectorToken(id)
    if (crypto.fingerprint(token.reveal()) === found.fingerprint) return
    const missing: string[] = []
    for (const [at, place] of found.names.entries()) {
      try {
        await writeToken(await placeOf(place), tokenAt(at), { tunnel: id, token })
      } catch (error) {
        verbs.log(`the new token is not in ${place}: ${errorData(error).message}`)
        missing.push(place)
      }
    }
    throw new HomelabError(
      'conflict',
      missing.length === 0
        ? 'there is no way back: the new token is in place, and counts when cloudflared is restarted'
        : `there is no way back, and ${joinWords(missing)} lacks the new token: \`cloudflared tunnel token\` prints it`,
    )
  })
  verbs.report({ text: `Giving ${name} a new secret` })
  await verbs.change<string>('secret', {
    act: async () => {
      await cloudflare.setTunnelSecret(id, new Secret(toBase64(crypto.random(SECRET_BYTES))), verbs.signal)
      return 'new'
    },
    find: async () => {
      const now = await cloudflare.connectorToken(id)
      return crypto.fingerprint(now.reveal()) === found.fingerprint ? undefined : 'new'
    },
  })
  const known = new Set(found.before)
  for (const [at, place] of found.names.entries()) {
    verbs.report({ text: `New token for ${place}`, done: at, total: found.names.length, unit: 'items' })
    await verbs.step(`token ${at}`, async () => {
      const fresh = await cloudflare.connectorToken(id, verbs.signal)
      await writeToken(await placeOf(place), tokenAt(at), { tunnel: id, token: fresh })
      return null
    })
    await verbs.step(`restart ${at}`, async () => {
      await restartConnector(await placeOf(place), clock, verbs.signal)
      return null
    })
    const connected = await verbs.follow<string>(`connected ${at}`, (signal) =>
      newConnector(place, id, known, services, signal),
    )
    known.add(connected)
  }
  const dropped = await verbs.step('drop', async () => {
    const old = (await cloudflare.connectors(id, verbs.signal)).filter((each) =>
      found.before.includes(each.id),
    )
    for (const each of old) await cloudflare.dropConnections(id, each.id, verbs.signal)
    return old.length
  })
  const end = await verbs.follow<{ status: string; connectors: number }>('healthy', async (signal) => {
    const limit = clock.monotonic() + CONNECT_MS
    for (;;) {
      const tunnel = await cloudflare.tunnel(id, signal)
      const connectors = await cloudflare.connectors(id, signal)
      const done = tunnel.status === 'healthy' && connectors.length >= found.names.length
      if (done || clock.monotonic() > limit) return { status: tunnel.status, connectors: connectors.length }
      await clock.sleep(1_000, signal)
    }
  })
  if (end.status !== 'healthy' && end.status !== 'degraded')
    throw new HomelabError('failed', `The tunnel ${name} is ${end.status} after its new secret.`, {
      hint: '`logs cloudflared` shows why. The new token is in place; the old one is no longer good.',
    })
  return {
    tunnel: name,
    places: found.names,
    dropped,
    ...end,
    ms: Math.round(clock.monotonic() - began),
  }
}

/** @returns the id of a connector that was not there before */
async function newConnector(
  place: string,
  tunnel: string,
  known: ReadonlySet<string>,
  { network, clock }: NetworkServices,
  signal: AbortSignal,
): Promise<string> {
  const limit = clock.monotonic() + CONNECT_MS
  for (;;) {
    const all: readonly Connector[] = await network.cloudflare.connectors(tunnel, signal)
    const fresh = all.find(({ id, connections }) => !known.has(id) && connections.length > 0)
    if (fresh !== undefined) return fresh.id
    if (clock.monotonic() > limit)
      throw new HomelabError('failed', `cloudflared in ${place} does not connect with the new token.`, {
        hint: '`logs cloudflared` shows why. `tunnel rotate` tries again with another one; the old one is no longer good.',
      })
    await clock.sleep(500, signal)
  }
}
