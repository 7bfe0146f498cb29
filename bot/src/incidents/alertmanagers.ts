/** The Alertmanagers that can be asked: sources of homelab.yaml with a url. */
import { HomelabError, type Http } from '@homelab/core'
import { type Alertmanager, createAlertmanager } from '@homelab/core/alerts'
import type { AlertSourceEntry, Inventory } from '@homelab/core/inventory'
import { createHttp, type Secrets } from '@homelab/core/node'

export type AskedSource = AlertSourceEntry & { readonly url: string }

export interface AskedAlertmanager {
  readonly source: AskedSource
  readonly api: Alertmanager
}

export interface Alertmanagers extends AsyncDisposable {
  /** As the file is now. @throws HomelabError never: what is wrong with one shows when it is asked */
  all(): readonly AskedAlertmanager[]
}

const isAsked = (source: AlertSourceEntry): source is AskedSource =>
  source.kind === 'alertmanager' && source.url !== undefined

/** @param inventory read at every use, so that a reload counts at once */
export function connectAlertmanagers(
  inventory: () => Pick<Inventory, 'alerts'>,
  secrets: Pick<Secrets, 'resolve' | 'text'>,
): Alertmanagers {
  const connected = new Map<
    string,
    { readonly trust: string; readonly api: Alertmanager; close(): Promise<void> }
  >()
  const asked = () => inventory().alerts.sources.filter(isAsked)

  function connect(source: AskedSource, trust: string) {
    let made: Promise<Http & { close(): Promise<void> }> | undefined
    const make = async () =>
      createHttp({
        ...(source.fingerprint === undefined ? {} : { fingerprint: source.fingerprint }),
        ...(source.ca === undefined ? {} : { ca: await secrets.text(source.ca) }),
      })
    const http: Http = {
      async request(request) {
        made ??= make()
        // A file that is not there yet may be there the next time.
        made.catch(() => (made = undefined))
        return (await made).request(request)
      },
    }
    const settings = () => {
      const found = asked().find(({ name }) => name === source.name)
      if (found !== undefined) return found
      throw new HomelabError('config', `alerts.sources.${source.name} of homelab.yaml has no url any more.`)
    }
    return {
      trust,
      api: createAlertmanager({ http, settings, secrets }),
      close: async () => (await made?.catch(() => undefined))?.close(),
    }
  }

  return {
    all: () =>
      asked().map((source) => {
        const trust = JSON.stringify([source.fingerprint, source.ca])
        const before = connected.get(source.name)
        if (before?.trust === trust) return { source, api: before.api }
        void before?.close()
        const made = connect(source, trust)
        connected.set(source.name, made)
        return { source, api: made.api }
      }),
    async [Symbol.asyncDispose]() {
      await Promise.all([...connected.values()].map(({ close }) => close()))
    },
  }
}
