/** Which question to ask of a target, and where: homelab.yaml laid over the catalogue. Pure. */
import type { Target } from '../inventory/types.ts'
import { type KnownService, knownService } from './catalogue.ts'
import { connects, degraded, type HttpProbe, judgeStatus, type TcpProbe, up, type Verdict } from './probes.ts'
import type { CheckSpec, HttpCheckSpec } from './spec.ts'

interface Where {
  readonly port: number
  /** The host given in the file: asked there and nowhere else. */
  readonly host?: string
  /** Usually bound to the container's loopback, so that a refusal from outside means nothing. */
  readonly loopback: boolean
}

export interface HttpQuestion extends Where {
  readonly via: 'http'
  readonly scheme: 'http' | 'https'
  readonly path: string
  /** Given whole in the file: asked directly only. */
  readonly url?: string
  readonly judge: (status: number, body: string) => Verdict
}

export interface TcpQuestion extends Where {
  readonly via: 'tcp'
  readonly probe: TcpProbe
}

interface CommandQuestion {
  readonly via: 'command'
  readonly argv: readonly string[]
}

export type Question = HttpQuestion | TcpQuestion | CommandQuestion

const securePorts = new Set([443, 8443])

/** @returns undefined when `health: none` is written or nothing is known to ask */
export function questionFor(target: Pick<Target, 'name' | 'service'>): Question | undefined {
  const entry = target.service
  const known = knownService(entry?.kind ?? entry?.name ?? target.name)
  const spec: CheckSpec | undefined = entry?.health
  if (spec === 'none') return undefined
  if (spec?.command) return { via: 'command', argv: spec.command }

  const given = spec?.tcp?.port ?? (typeof spec?.http === 'object' ? spec.http.port : undefined)
  const port = given ?? probePort(known, entry?.port)
  const host = entry?.address === undefined ? {} : { host: entry.address }
  const loopback = known?.loopback === true && given === undefined && entry?.port === undefined

  if (spec?.http !== undefined) {
    const http = typeof spec.http === 'string' ? { path: spec.http } : spec.http
    return httpQuestion(http, known, {
      port: port ?? (http.scheme === 'https' ? 443 : 80),
      loopback,
      ...host,
    })
  }
  if (port === undefined) return undefined
  if (spec?.tcp !== undefined || known === undefined) {
    const probe = known?.probe.via === 'tcp' ? known.probe : connects
    return { via: 'tcp', probe, port, loopback, ...host }
  }
  if (known.probe.via === 'tcp') return { via: 'tcp', probe: known.probe, port, loopback, ...host }
  return httpQuestion({}, known, { port, loopback, ...host })
}

/** A front port (Traefik's 80 and 443) is not where the check listens; any other port in the file is meant for it. */
function probePort(known: KnownService | undefined, fromFile: number | undefined): number | undefined {
  if (fromFile !== undefined && !known?.frontPorts?.includes(fromFile)) return fromFile
  return known?.probePort ?? known?.port ?? fromFile
}

function httpQuestion(spec: HttpCheckSpec, known: KnownService | undefined, where: Where): HttpQuestion {
  const probe: HttpProbe | undefined = known?.probe.via === 'http' ? known.probe : undefined
  const path = spec.path ?? probe?.path ?? '/'
  const usual = where.port === (known?.probePort ?? known?.port) ? probe?.scheme : undefined
  const judge = spec.expect === undefined ? undefined : expecting(spec.expect)
  return {
    via: 'http',
    path,
    scheme: spec.scheme ?? usual ?? (securePorts.has(where.port) ? 'https' : 'http'),
    judge: judge ?? (probe !== undefined && probe.path === path && !spec.url ? probe.judge : judgeStatus),
    ...(spec.url === undefined ? {} : { url: spec.url }),
    ...where,
  }
}

function expecting(expect: number | readonly number[] | string): (status: number, body: string) => Verdict {
  if (typeof expect === 'string') {
    return (status, body) => {
      if (body.includes(expect)) return up(`HTTP ${status}, holds "${expect}"`)
      const plain = judgeStatus(status)
      return plain.state === 'up' ? degraded(`HTTP ${status}, without "${expect}"`) : plain
    }
  }
  const wanted = typeof expect === 'number' ? [expect] : expect
  return (status) => {
    if (wanted.includes(status)) return up(`HTTP ${status}`)
    const plain = judgeStatus(status)
    return plain.state === 'down' ? plain : degraded(`HTTP ${status}, expected ${wanted.join(' or ')}`)
  }
}
