import { z } from 'zod'
import { titleOf } from '../../backup/plan.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'
import { resticNamed } from './verify.ts'

const Lock = z.object({
  id: z.string(),
  host: z.string(),
  user: z.string(),
  pid: z.int(),
  exclusive: z.boolean(),
  ageMs: z.number(),
})

export const backupUnlock = defineOperation({
  id: 'backup.unlock',
  chat: 'backup unlock',
  title: 'Remove stale locks of a repository',
  description:
    'Shows whose locks there are, and removes those whose owner restic itself takes for gone. One of another machine that is at work stays.',
  risk: 'destructive',
  permission: 'admin',
  input: z.object({ repository: z.string().describe('Repository of homelab.yaml') }),
  output: z.object({ title: z.string(), before: z.int(), left: z.array(Lock) }),
  positional: ['repository'],
  needs: ['lab', 'shells', 'secrets', 'clock'],
  async plan({ repository: name }, services, { signal }) {
    const { repository, restic } = await resticNamed(name, services, signal)
    const locks = await restic.locks(signal)
    const now = services.clock.now().getTime()
    return {
      summary: `Remove stale locks of ${titleOf(repository)}`,
      steps:
        locks.length === 0
          ? ['there is no lock: nothing will be done']
          : locks.map((lock) => describe({ ...lock, ageMs: now - Date.parse(lock.time) })),
      affects: [],
      warnings:
        locks.length === 0
          ? []
          : ['A backup that is still at work would lose its lock: be sure that it is gone.'],
      locks: [`repository/${repository.name}`],
      state: { locks: locks.map(({ id }) => id) },
    }
  },
  async run({ repository: name }, services, verbs) {
    const { repository, restic } = await resticNamed(name, services, verbs.signal)
    const before = await verbs.step('before', async () => (await restic.locks(verbs.signal)).length)
    await verbs.step('unlock', async () => {
      await restic.unlock(verbs.signal)
      return true
    })
    const now = services.clock.now().getTime()
    const left = (await restic.locks(verbs.signal)).map(
      ({ id, hostname, username, pid, exclusive, time }) => ({
        id,
        host: hostname,
        user: username,
        pid,
        exclusive,
        ageMs: now - Date.parse(time),
      }),
    )
    return { title: titleOf(repository), before, left }
  },
  card: ({ title, before, left }) => ({
    title: left.length === 0 ? `${title} has no lock` : `${left.length} locks stay on ${title}`,
    tone: left.length === 0 ? 'ok' : 'warning',
    text: `${before - left.length} of ${before} were removed.`,
    ...(left.length === 0
      ? {}
      : {
          sections: [
            {
              kind: 'list',
              title: 'Still there',
              items: left.map((lock) => describe({ ...lock, hostname: lock.host })),
            },
          ],
        }),
  }),
})

const describe = (lock: { hostname: string; pid: number; exclusive: boolean; ageMs: number }): string =>
  `${lock.exclusive ? 'exclusive' : 'shared'}, of ${lock.hostname} (pid ${lock.pid}), ${duration(lock.ageMs)} old`
