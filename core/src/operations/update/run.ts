import { HomelabError, isHomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Plan } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import type { Changed } from '../../update/commands.ts'
import { lookInside } from '../../update/look.ts'
import { cardOf, Output } from './card.ts'
import { type Found, find, input, planSteps, planWarnings } from './find.ts'
import { packages, restartUnit, runScript, well } from './parts.ts'
import {
  archiveFile,
  backAfterStop,
  goBack,
  type Secured,
  type Services,
  secure,
  snapshotName,
  tidy,
} from './secure.ts'

const hours = 3_600_000
/** To read the lists of packages anew, and all that is installed. */
const LISTS_MS = 300_000

export const updateRun = defineOperation({
  id: 'update.run',
  chat: 'update run',
  title: 'Update a service, and take it back when it fails',
  description:
    'A snapshot first, or an archive where there can be none; then the script of the community and its packages; then it must answer again, or it goes back to the snapshot. A script that asks a question is stopped.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  deadlineMs: 12 * hours,
  input,
  output: Output,
  positional: ['service'],
  examples: ['update run vaultwarden', 'update run plex rollback:backup', 'update run redis only:packages'],
  needs: ['lab', 'proxmox', 'health', 'shells', 'clock'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const found = await find(wanted, services, signal)
    const { target, way } = found
    const { guest, name } = target
    const inside = await lookInside(services.shells.guest(guest), {
      refresh: false,
      limitMs: 60_000,
      signal,
    })
    const lockout = services.lab.lockout([target])
    return {
      summary: `Update ${name} (${guestPlace(guest)})`,
      steps: planSteps(wanted, found, inside),
      affects: target.dependents.map((each) => ({
        name: each,
        why: `needs ${name}, which may be down meanwhile`,
      })),
      warnings: planWarnings(wanted, found, inside),
      locks: [`guest/${guest.vmid}`],
      confirm: true,
      state: {
        vmid: guest.vmid,
        node: guest.node,
        by: way.by,
        up: found.up,
        script: inside.helper?.app ?? null,
      },
      ...(lockout.length === 0 ? {} : { lockout }),
    }
  },
  async run(wanted, services, verbs) {
    const { clock, shells } = services
    const began = clock.monotonic()
    const { found, at } = (await verbs.step('find', async () => {
      const seen = await find(wanted, services, verbs.signal)
      return { found: seen, at: clock.now().getTime() } as unknown as Json
    })) as unknown as { readonly found: Found; readonly at: number }
    const { target, way } = found
    const { guest, name } = target
    const shell = shells.guest(guest)
    const base = { name, vmid: guest.vmid, node: guest.node }

    verbs.report({ text: `reading the lists of packages of ${name}` })
    const lookOnce = (step: string, refresh: boolean) =>
      verbs.step(step, async () => {
        const seen = await lookInside(shell, { refresh, limitMs: LISTS_MS, signal: verbs.signal })
        return { ...seen, waiting: seen.waiting.map((each) => ({ ...each })) } as unknown as Json
      }) as unknown as ReturnType<typeof lookInside>
    const before = await lookOnce('lists', wanted.only !== 'script')
    const manager = wanted.only === 'script' || before.waiting.length === 0 ? undefined : before.manager
    const helper = wanted.only === 'packages' ? undefined : before.helper
    if (manager === undefined && helper === undefined)
      return {
        ...base,
        updated: false,
        packages: [],
        secured: { by: 'nothing' as const },
        removed: [],
        left: before.waiting.length,
        detail: nothingFor(wanted.only, before.manager, before.system),
        ms: Math.round(clock.monotonic() - began),
      }

    const snapshot = snapshotName(new Date(at))
    const secured = await secure(target, way, snapshot, services, verbs)
    const back = { needed: secured.by !== 'nothing' }
    verbs.undo(`${name} as it was before`, async () => {
      if (back.needed) await backAfterStop(guest, secured, services)
    })
    const job = { key: `update-${guest.vmid}-${at}`, minutes: wanted.minutes }
    let changed: readonly Changed[] = []
    let restarted: string | undefined
    let health: Awaited<ReturnType<typeof well>>
    try {
      // Of the two the script is the one that may ask: when it does, nothing else has been changed in vain.
      if (helper !== undefined) await runScript(target, job, services, verbs)
      if (manager !== undefined) changed = await packages(target, manager, job, services, verbs)
      if (manager === 'apt' && changed.length > 0) restarted = await restartUnit(target, services, verbs)
      health = await well(target, { ...wanted, up: found.up }, services, verbs)
    } catch (error) {
      // What was stopped is taken back by the undo; a bug is no reason to go on with more of it.
      verbs.signal.throwIfAborted()
      if (!isHomelabError(error) || error.code === 'bug') throw error
      verbs.log(`the update failed: ${error.message}`)
      back.needed = false
      throw await afterFailure(error, wanted.rollback, found, secured, changed, services, verbs)
    }
    back.needed = false
    // It is well: whatever cannot be seen or cleared up from here on is no reason to go back.
    const after = await lookOnce('after', false).catch((error: unknown) => {
      verbs.signal.throwIfAborted()
      verbs.log(`what waits now could not be seen: ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    })
    const removed = secured.by === 'snapshot' ? await tidy(target, snapshot, services, verbs) : []
    const version = after?.helper?.version
    return {
      ...base,
      updated: true,
      packages: changed.map((each) => ({ ...each })),
      ...(helper === undefined
        ? {}
        : {
            script: {
              app: helper.app,
              ...(helper.version === undefined ? {} : { from: helper.version }),
              ...(version === undefined ? {} : { to: version }),
            },
          }),
      ...(restarted === undefined ? {} : { restarted }),
      secured,
      removed: [...removed],
      left: after?.waiting.length ?? 0,
      ...health,
      ms: Math.round(clock.monotonic() - began),
    }
  },
  card: cardOf,
})

const nothingFor = (only: string, manager: string | undefined, system: string): string =>
  only === 'script'
    ? 'it has no script of the community'
    : manager === undefined
      ? `packages of ${system === '' ? 'its system' : system} are not known`
      : 'no package waits for an update'

/** Goes back where that is possible and meant, and says what is so then. */
async function afterFailure(
  error: HomelabError,
  rollback: 'snapshot' | 'backup' | 'never',
  { target }: Found,
  secured: Secured,
  changed: readonly Changed[],
  services: Services,
  verbs: Parameters<typeof goBack>[3],
): Promise<HomelabError> {
  const { name, guest } = target
  const reason = error.message.replace(/\.?$/, '.')
  const data = {
    ...error.data,
    secured: { ...secured },
    packages: changed.map((each) => ({ ...each })),
  }
  const goesBack =
    (secured.by === 'snapshot' && rollback !== 'never') || (secured.by === 'backup' && rollback === 'backup')
  if (!goesBack) {
    const there =
      secured.by === 'snapshot'
        ? `Back to before it: \`snapshot rollback ${name} ${secured.name}\`.`
        : secured.by === 'backup'
          ? `Back to before it: \`stop ${name}\`, then \`guest restore ${name} ${archiveFile(secured.archive)} inplace:true\`, which loses everything since.`
          : `\`logs ${name}\` shows more.`
    return new HomelabError(
      'failed',
      `The update of ${name} failed, and it stays as that left it: ${reason}`,
      {
        hint: [error.hint, there].filter((part) => part !== undefined).join(' '),
        data,
        cause: error,
      },
    )
  }
  try {
    const now = await goBack(target, secured, services, verbs)
    return new HomelabError(
      'failed',
      `${name} was not updated: ${reason} It is as it was before${changed.length === 0 ? '' : `, without its ${changed.length} new packages`}: ${now.detail}.`,
      {
        hint:
          error.hint ??
          `What happened is in the log; the snapshot stays. Then once more: \`update run ${name}\`.`,
        data: { ...data, rolledBack: true },
        cause: error,
      },
    )
  } catch (failure) {
    verbs.signal.throwIfAborted()
    if (!isHomelabError(failure)) throw failure
    return new HomelabError(
      'failed',
      `The update of ${name} failed (${reason}), and so did the way back: ${failure.message}`,
      {
        hint: `${failure.hint ?? ''} Look with \`guest show ${guest.vmid}\`; docs/runbooks/update-went-wrong.md has what to do.`.trim(),
        data: { ...data, rolledBack: false },
        cause: failure,
      },
    )
  }
}
