/** What Prometheus is told of the new service: where its metrics are, and its rules. */
import { putRules, putTargets, removeMonitoring } from './monitoring.ts'
import { again, type MadeWork } from './work.ts'

/** @returns whether it is watched */
export async function watch(work: MadeWork, address: string): Promise<boolean> {
  const { found, services, verbs, guest } = work
  const { monitoring, alerts, title } = found.from.blueprint
  const { watched, name } = found
  if (watched === null || monitoring === undefined || address === '') return false
  const settings = services.lab.inventory.monitoring.prometheus
  if (settings === undefined) return false
  const shell = services.shells.guest({ ...watched.guest, type: 'lxc' })
  verbs.undo('what Prometheus was told', async () => void (await removeMonitoring(name, shell, settings)))
  verbs.report({ text: `Telling Prometheus of ${title}` })
  await again(work, 'targets', async () => {
    const labels = { service: name, vmid: String(guest.vmid), stack: found.from.blueprint.stack }
    await putTargets(
      name,
      [{ address, port: monitoring.port, path: monitoring.path }],
      labels,
      shell,
      settings,
    )
    return null
  })
  if (alerts.length > 0)
    await again(work, 'rules', async () => {
      await putRules(name, alerts, shell, settings)
      return null
    })
  return true
}
