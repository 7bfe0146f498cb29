/** The config.yml of a locally managed tunnel: its rules changed, all else as it was, comments too. */
import { isMap, isSeq, type Node, parseDocument } from 'yaml'
import type { IngressRule } from '../cloudflare/types.ts'
import { HomelabError } from '../errors.ts'
import { type ConnectorPlace, must } from './connector.ts'

/** Of what there was before the last change of ours; it stays. */
const backup = '.homelab-before'
const draft = '.homelab-new'

const wrongFile = (path: string, why: string) =>
  new HomelabError('config', `${path} cannot be edited: ${why}.`, {
    hint: 'Correct it by hand; `cloudflared tunnel ingress validate` says what it thinks of it.',
  })

function documentOf(text: string, path: string) {
  const document = parseDocument(text, { logLevel: 'error', stringKeys: true })
  const [error] = document.errors
  if (error !== undefined)
    throw wrongFile(path, `it is no YAML (${error.code.toLowerCase().replaceAll('_', ' ')})`)
  if (document.contents !== null && !isMap(document.contents))
    throw wrongFile(path, 'it is not a list of keys')
  const ingress = document.get('ingress')
  if (ingress !== undefined && ingress !== null && !isSeq(ingress))
    throw wrongFile(path, 'its `ingress` is not a list')
  return { document, seq: isSeq(ingress) ? ingress : undefined }
}

/** @throws HomelabError `config` */
export function rulesOfFile(text: string, path: string): readonly IngressRule[] {
  const { document, seq } = documentOf(text, path)
  return (seq?.items ?? []).map((item) => {
    const rule: unknown = (item as Node).toJS(document)
    if (typeof rule !== 'object' || rule === null) throw wrongFile(path, 'one of its rules is not a map')
    return rule as IngressRule
  })
}

/** @param edit keeps the rules that it does not touch, the same objects: these stay in the file as they are written */
export function editFile(
  text: string,
  path: string,
  edit: (rules: readonly IngressRule[]) => readonly IngressRule[],
): string {
  const before = rulesOfFile(text, path)
  const { document, seq } = documentOf(text, path)
  const nodes = new Map(before.map((rule, at) => [rule, seq?.items[at]] as const))
  const after = edit(before)
  if (after.length === before.length && after.every((rule, at) => rule === before[at])) return text
  const items = after.map((rule) => {
    const known = nodes.get(rule)
    if (known !== undefined) return known
    const node = document.createNode(rule)
    // What a person wrote above a rule is about its host name, and stays with it.
    const old = before.find((each) => each.hostname === rule.hostname && each.path === rule.path)
    const comment = old === undefined ? undefined : (nodes.get(old) as Node | undefined)?.commentBefore
    if (comment != null) node.commentBefore = comment
    return node
  })
  if (seq === undefined) document.set('ingress', document.createNode(after))
  else seq.items = items
  const written = document.toString({ lineWidth: 0 })
  // What is read back has to be what was meant: the file is the only way in.
  if (JSON.stringify(rulesOfFile(written, path)) !== JSON.stringify(after))
    throw new HomelabError('bug', `The rules of ${path} did not come back as they were written.`)
  return written
}

export const readConfig = (
  { name, shell }: ConnectorPlace,
  path: string,
  signal?: AbortSignal,
): Promise<string> =>
  must(shell, ['cat', '--', path], `Reading ${path} in ${name}`, signal === undefined ? {} : { signal })

/** The text of before the last change, when it says the same as this one: going back leaves every space as it was. */
export async function asBefore({ shell }: ConnectorPlace, path: string, text: string): Promise<string> {
  const { code, stdout } = await shell.exec(['cat', '--', `${path}${backup}`])
  if (code !== 0) return text
  const value = (each: string) => JSON.stringify(parseDocument(each, { logLevel: 'error' }).toJS())
  try {
    return value(stdout) === value(text) ? stdout : text
  } catch {
    return text
  }
}

/**
 * Writes beside it, lets cloudflared judge it where it is installed, keeps the file of before and renames: whoever reads
 * sees the old or the new one whole. It counts once the connector is restarted.
 * @param before what it was made from: when the file is another by now, nothing is written
 * @throws HomelabError `conflict` when somebody changed it, `config` with cloudflared's words when it is not valid
 */
export async function writeConfig(
  { name, shell }: ConnectorPlace,
  path: string,
  before: string,
  text: string,
): Promise<void> {
  const next = `${path}${draft}`
  const where = `in ${name}`
  // Copied first, so that owner and mode stay.
  await must(shell, ['cp', '-p', '--', path, next], `Copying ${path} ${where}`)
  try {
    await must(shell, ['tee', '--', next], `Writing ${next} ${where}`, { stdin: text })
    await validate(shell, next, path)
    if ((await readConfig({ name, shell }, path)) !== before)
      throw new HomelabError(
        'conflict',
        `Somebody changed ${path} ${where} meanwhile. Nothing was written.`,
        {
          hint: 'Try again.',
        },
      )
    await must(shell, ['cp', '-p', '--', path, `${path}${backup}`], `Keeping the old ${path} ${where}`)
    await must(shell, ['mv', '-T', '--', next, path], `Renaming ${next} ${where}`)
  } catch (error) {
    await shell.exec(['rm', '-f', '--', next]).catch(() => undefined)
    throw error
  }
}

async function validate(shell: ConnectorPlace['shell'], next: string, path: string): Promise<void> {
  const argv = ['cloudflared', '--config', next, 'tunnel', 'ingress', 'validate']
  const { code, stdout, stderr } = await shell.exec(argv)
  // 127: not in the path. Its rules were checked here already.
  if (code === 0 || code === 127) return
  throw new HomelabError('config', `cloudflared does not take the new ${path}. Nothing was changed.`, {
    data: { log: `${stdout}\n${stderr}`.trim().split('\n').slice(-5) },
  })
}
