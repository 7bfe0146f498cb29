/** How long the chat platforms take, and what waits for them. */
import { Gauge, Histogram, type Registry } from 'prom-client'
import type { ConnectorStatus, Platform } from '../chat/connector.ts'
import { DeliveryError, type Outlet } from '../chat/courier.ts'
import type { PlatformMeter } from './types.ts'

const states = ['connecting', 'connected', 'refused'] as const

export interface PlatformMetrics extends PlatformMeter {
  platforms(statuses: () => readonly ConnectorStatus[]): void
}

export function measurePlatforms(registers: Registry[]): PlatformMetrics {
  const couriers = new Map<Platform, () => number>()
  const took = new Histogram({
    name: 'homelab_platform_call_duration_seconds',
    help: 'How long showing, logging and mentioning took at a chat platform, with every call that it needs, by how it ended.',
    labelNames: ['platform', 'call', 'outcome'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  new Gauge({
    name: 'homelab_courier_queue',
    help: 'Cards and channels that the courier of a platform has in memory; none when all is shown.',
    labelNames: ['platform'],
    registers,
    collect() {
      for (const [platform, kept] of couriers) this.set({ platform }, kept())
    },
  })

  async function timed<T>(platform: Platform, call: string, work: Promise<T>): Promise<T> {
    const began = performance.now()
    const observe = (outcome: string) =>
      took.observe({ platform, call, outcome }, (performance.now() - began) / 1000)
    try {
      const result = await work
      observe('ok')
      return result
    } catch (error) {
      observe(error instanceof DeliveryError ? error.kind : 'bug')
      throw error
    }
  }

  return {
    outlet(outlet: Outlet): Outlet {
      const { platform } = outlet
      return {
        platform,
        show: (...of) => timed(platform, 'show', outlet.show(...of)),
        log: (...of) => timed(platform, 'log', outlet.log(...of)),
        mention: (...of) => timed(platform, 'mention', outlet.mention(...of)),
      }
    },
    courier: (platform, kept) => void couriers.set(platform, kept),
    platforms(statuses) {
      new Gauge({
        name: 'homelab_platform_state',
        help: '1 for the state that a chat platform is in.',
        labelNames: ['platform', 'state'],
        registers,
        collect() {
          for (const { platform, state } of statuses())
            for (const each of states) this.set({ platform, state: each }, each === state ? 1 : 0)
        },
      })
    },
  }
}
