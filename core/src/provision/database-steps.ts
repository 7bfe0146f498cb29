/** The database of the new service on the shared server: made empty, marked as this run's, and dropped with it. */
import { canLogIn, dropDatabase, findDatabase, makeDatabase, newPassword, setPassword } from './database.ts'
import type { Values } from './install.ts'
import { again, type Work } from './work.ts'

/** Registered before anything is made. */
export function undoDatabase({ found, services, verbs, mark }: Work): void {
  const spec = found.from.blueprint.database
  if (found.database === null || spec === undefined) return
  const shell = services.shells.guest({ ...found.database.guest, type: 'lxc' })
  verbs.undo(`the database ${spec.name}`, async () => {
    if (await findDatabase(spec, shell, mark)) await dropDatabase(spec, shell, mark)
  })
}

export async function database(work: Work): Promise<void> {
  const { found, services, verbs, mark } = work
  const spec = found.from.blueprint.database
  if (found.database === null || spec === undefined) return
  const shell = services.shells.guest({ ...found.database.guest, type: 'lxc' })
  verbs.report({ text: `Making the database ${spec.name}` })
  await again(work, 'database', async () => {
    await makeDatabase(spec, shell, mark)
    return null
  })
}

/** A new password, proven by a log-in. */
export async function credentials({ found, services }: Work): Promise<Values['database']> {
  const spec = found.from.blueprint.database
  if (found.database === null || spec === undefined) return undefined
  const shell = services.shells.guest({ ...found.database.guest, type: 'lxc' })
  const password = newPassword()
  await setPassword(spec.role, password, shell)
  await canLogIn(spec, password, shell)
  return { host: found.database.host, port: found.database.port, name: spec.name, role: spec.role, password }
}
