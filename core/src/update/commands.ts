/** How an update is done, and what its output says was changed. Constant commands: nothing in them is input. */
export interface Changed {
  readonly name: string
  readonly from: string
  readonly to: string
}

/** A changed configuration file stays as it is: nobody is there to be asked. */
const apt = [
  ...['apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=300'],
  ...['-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold', 'upgrade'],
]

export const upgradeCommand = (manager: 'apt' | 'apk'): readonly string[] =>
  manager === 'apt' ? apt : ['apk', '--no-interactive', 'upgrade']

export const upgradeEnv: Readonly<Record<string, string>> = {
  LC_ALL: 'C',
  DEBIAN_FRONTEND: 'noninteractive',
  NEEDRESTART_MODE: 'a',
}

/** Theirs asks first how much it may say, unless it is told. */
export const helperCommand: readonly string[] = ['update']
export const helperEnv: Readonly<Record<string, string>> = { PHS_SILENT: '1', DIAGNOSTICS: 'no' }

/** `Unpacking openssl (3.0.17) over (3.0.15) ...`, `(1/2) Upgrading busybox (1.36.1-r15 -> 1.36.1-r19)`. */
export function changedBy(line: string): Changed | undefined {
  const [, debian, to, from] = /^Unpacking (\S+) \(([^)]+)\) over \(([^)]+)\)/.exec(line) ?? []
  if (debian !== undefined && to !== undefined && from !== undefined)
    return { name: debian.replace(/:[a-z0-9]+$/, ''), from, to }
  const [, alpine, before, after] = /^\(\d+\/\d+\) Upgrading (\S+) \((\S+) -> (\S+)\)/.exec(line) ?? []
  return alpine === undefined || before === undefined || after === undefined
    ? undefined
    : { name: alpine, from: before, to: after }
}
