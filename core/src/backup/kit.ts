/** What a person needs to restore with nothing but a laptop. Where the keys are, never the keys. */
import { refText, type SecretRef } from '../inventory/fields.ts'
import type { BackupEntry, Inventory, RepositoryEntry } from '../inventory/schema.ts'
import { quoteWord } from '../shell/quote.ts'
import { isRestic, type ResticRepository, titleOf } from './plan.ts'

export interface RecoveryKit {
  readonly markdown: string
  readonly keys: readonly string[]
  readonly withoutRecovery: readonly string[]
}

export function recoveryKit(inventory: Inventory, plans: readonly BackupEntry[], now: Date): RecoveryKit {
  const used = inventory.repositories.filter(({ name }) => plans.some(({ to }) => to.includes(name)))
  const keys = used.filter(isRestic).flatMap((repository) => keysOf(repository).map(({ text }) => text))
  const markdown = [
    '# Recovery kit',
    `Made on ${now.toISOString().slice(0, 10)} from homelab.yaml. Make it anew when that changes.`,
    'On any Linux, as root: `apt-get install restic postgresql-client` (restic 0.14 or newer; also from https://restic.net).',
    'Only snapshots with a proof are known to be whole. A proof is a snapshot of its own, whose tag `of=…` is the id of the one to restore.',
    ...used.map(repositoryText),
    ...plans.map((plan) => planText(plan, used)),
    '',
  ].join('\n\n')
  return {
    markdown,
    keys: [...new Set(keys)],
    withoutRecovery: used
      .filter((entry) => isRestic(entry) && entry.recovery === undefined)
      .map((entry) => entry.name),
  }
}

interface Key {
  readonly variable: string
  readonly text: string
}

function keysOf({
  name,
  password,
  env,
  recovery,
}: ResticRepository & { readonly name: string }): readonly Key[] {
  const copies = recovery?.env ?? {}
  const key = (variable: string, ref: string, copy: string | undefined) => ({
    variable,
    text: `${variable} of ${name}: ${ref}${copy === undefined ? '' : `, recovery copy ${copy}`}`,
  })
  return [
    key(
      'RESTIC_PASSWORD',
      refText(password),
      recovery === undefined ? undefined : refText(recovery.password),
    ),
    ...Object.entries(env ?? {}).map(([variable, ref]) => {
      const copy = copies[variable]
      return key(variable, refText(ref), copy === undefined ? undefined : refText(copy))
    }),
  ]
}

/** Vault may be what has to be restored. */
function onlyInVault({ password, env = {}, recovery }: ResticRepository): boolean {
  const lost = (ref: SecretRef, copy: SecretRef | undefined) =>
    ref.from === 'vault' && (copy ?? ref).from === 'vault'
  const others = Object.entries(env).some(([variable, ref]) => lost(ref, recovery?.env?.[variable]))
  return others || lost(password, recovery?.password)
}

/** An address may hold a password. */
const withoutPassword = (address: string): string => address.replace(/(\/\/[^/:@]*):[^/@]*@/, '$1:PASSWORD@')

const fenced = (lines: readonly string[]): string => ['```bash', ...lines, '```'].join('\n')

function repositoryText(entry: RepositoryEntry & { readonly name: string }): string {
  const title = `## Repository ${titleOf(entry)}`
  const storage =
    entry.storage === undefined
      ? []
      : [
          `Archives are on the Proxmox storage ${entry.storage}.`,
          fenced([`pvesm list ${quoteWord(entry.storage)} --content backup`]),
        ]
  if (!isRestic(entry)) return [title, ...storage].join('\n\n')
  const keys = keysOf(entry)
  return [
    title,
    ...storage,
    keys.map(({ text }) => `- ${text}`).join('\n'),
    ...(onlyInVault(entry)
      ? ['A key of it is in Vault alone. Keep a copy where it can be read while Vault is down or lost.']
      : []),
    fenced([
      `export RESTIC_REPOSITORY=${quoteWord(withoutPassword(entry.restic))}`,
      // Typed in, so that no key is in the history of the shell.
      ...keys.map(({ variable }) => `read -rsp '${variable}: ' ${variable} && export ${variable}`),
      'restic snapshots --tag proof',
    ]),
  ].join('\n\n')
}

function planText(plan: BackupEntry, used: readonly (RepositoryEntry & { readonly name: string })[]): string {
  const title = `## ${titleOf(plan)} (${plan.to.join(', ')})`
  const restics = used.filter((entry) => plan.to.includes(entry.name) && isRestic(entry))
  const fetch = [
    `restic snapshots --tag proof,plan=${plan.name}`,
    "id=…   # what is after 'of=' in the tags of the newest",
  ]
  if (plan.method === 'restic')
    return [
      title,
      `Paths: ${plan.paths.join(', ')}. They come back under /restored.`,
      fenced([
        ...fetch,
        'restic restore "$id" --target /restored',
        ...plan.paths.map((path) => `ls -l ${quoteWord(`/restored${path}`)}`),
      ]),
    ].join('\n\n')
  if (plan.method === 'pg_dump') {
    const folder = `/restored${plan.staging}/${plan.name}`
    return [
      title,
      'On a server of the same major version or a newer one, as its superuser. Roles that are there already are complained about, and stay.',
      fenced([
        ...fetch,
        'restic restore "$id" --target /restored',
        `chown -R postgres ${quoteWord('/restored')}`,
        `runuser -u postgres -- psql -X -d postgres -f ${quoteWord(`${folder}/globals.sql`)}`,
        `ls ${quoteWord(folder)}   # a folder for each database`,
        'database=…',
        `runuser -u postgres -- pg_restore --create --exit-on-error -j 2 -d postgres ${quoteWord(folder)}/"$database"`,
      ]),
      ...(plan.stream === false
        ? []
        : [
            `Where \`restic ls "$id"\` shows nothing but /${plan.name}.dump, it was streamed past the staging. Its roles are with the proof:`,
            fenced([
              'proof=…   # the id of that newest proof itself',
              'restic dump "$proof" /globals.sql | runuser -u postgres -- psql -X -d postgres',
              `restic dump "$id" /${quoteWord(`${plan.name}.dump`)} | runuser -u postgres -- pg_restore -Fc --create --exit-on-error -d postgres`,
            ]),
          ]),
    ].join('\n\n')
  }
  return [title, ...guestsText(plan, restics.length > 0)].join('\n\n')
}

/** @param copied into restic, as `copyPlan` says: a snapshot for each guest and run, of the one file that is its archive */
function guestsText({ name }: BackupEntry, copied: boolean): readonly string[] {
  const copies = [
    `In restic each guest is a plan of its own, \`${name}.<VMID>\`, and each snapshot is one archive. It was not compressed by Proxmox: on the node there must be room for all of it.`,
    fenced([
      `restic snapshots --tag proof   # 'plan=${name}.110' in the tags: guest 110`,
      'guest=…   # the VMID that it had',
      `restic snapshots --tag "proof,plan=${name}.$guest"`,
      "id=…   # what is after 'of=' in the tags of the newest",
      'restic restore "$id" --target /restored',
      'archive=$(find /restored -name "vzdump-*-$guest-*" -type f) && ls -l "$archive"',
    ]),
    'Where the storage is left, `archive` is one of its volumes instead. Then:',
  ]
  return [
    'On a Proxmox node. Take a VMID that is free: with one that is not, the guest there is lost.',
    ...(copied ? copies : []),
    fenced([
      ...(copied ? [] : ['archive=…   # a volume of the storage, or the path of a file']),
      'vmid=…',
      'pct restore "$vmid" "$archive" --storage local-lvm   # a container',
      'qmrestore "$archive" "$vmid" --storage local-lvm   # a virtual machine',
    ]),
  ]
}
