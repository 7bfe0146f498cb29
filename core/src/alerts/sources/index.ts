/** What sources of alerts send, read: one file for each, all of them here. */
import type { AlertSourceKind } from '../../inventory/alerts-schema.ts'
import type { Alert } from '../types.ts'
import { readAlertmanager } from './alertmanager.ts'
import { readGeneric } from './generic.ts'
import { readGrafana } from './grafana.ts'
import { readKuma } from './kuma.ts'
import { readProxmox } from './proxmox.ts'

export { proxmoxBody } from './proxmox.ts'

const readers: Readonly<
  Record<AlertSourceKind, (source: string, body: unknown, now: Date) => readonly Alert[]>
> = {
  alertmanager: readAlertmanager,
  grafana: readGrafana,
  proxmox: readProxmox,
  kuma: readKuma,
  generic: readGeneric,
}

/**
 * @param source its name in homelab.yaml
 * @param body JSON, as it was sent
 * @returns none for what is only a test
 * @throws HomelabError `usage` for what can never be right
 */
export const readAlerts = (
  kind: AlertSourceKind,
  source: string,
  body: unknown,
  now: Date,
): readonly Alert[] => readers[kind](source, body, now)
