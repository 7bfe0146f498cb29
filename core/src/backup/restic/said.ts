/** What restic complained about, in its own words alone: without names of files, addresses, and what it has tried again since. */

export interface Complaint {
  readonly text: string
  /** The file that it is about, as the snapshot calls it. */
  readonly item?: string
}

/** A line of restic that says that it tries the same again, after longer pauses each time, for up to a quarter of an hour. */
const retrying = / returned error, retrying after \S+: (.*)/

/** Why it tries again, when the line says so. */
export const retriedFor = (line: string): string | undefined => retrying.exec(line)?.[1]

/** Of a cache that is half made; up to 0.18 it goes on without, so that it says nothing of what came after it. */
const cacheWarning = /^unable to open cache: (?:readVersion: )+strconv/
/** Where in restic it happened. */
const stack = /^\t|^(?:github\.com|golang\.org|main|runtime)[/.]\S*$/
/** Of one file, up to 0.16 and without `--json`. */
const aboutFile = /^(?:ignoring )?error for (\/.*?): (.*)/

/** Those that it did not try again, the first one first. */
export function complaintsIn(said: string): readonly Complaint[] {
  return said.split('\n').flatMap((line) => {
    if (line.trim() === '' || retrying.test(line) || stack.test(line) || cacheWarning.test(line)) return []
    const about = aboutFile.exec(line)
    if (about !== null) return [{ item: about[1] ?? '', text: about[2] ?? '' }]
    return line.startsWith('{') ? inJson(line) : [{ text: line }]
  })
}

/** As newer versions say it; their other lines are no complaints. */
function inJson(line: string): readonly Complaint[] {
  let parsed: { readonly message?: unknown; readonly error?: { readonly message?: unknown }; item?: unknown }
  try {
    parsed = JSON.parse(line)
  } catch {
    // Cut on the way: its words are there all the same.
    return [{ text: line }]
  }
  const text = parsed.error?.message ?? parsed.message
  if (typeof text !== 'string') return []
  const [first = '', ...more] = text.split('\n').filter((each) => !stack.test(each))
  return [
    { text: first, ...(typeof parsed.item === 'string' ? { item: parsed.item } : {}) },
    ...more.map((each) => ({ text: each })),
  ]
}

/** Names may hold any word. */
const withoutNames = (text: string): string =>
  text.replaceAll(/[\w+.-]+:\/\/[^\s"]*/g, ' ').replaceAll(/(^|[\s"'(=:])\/.*?(?=: |"|$)/gm, '$1')

/** Without names and numbers, any of which may look like a word of restic. */
export const wordsOf = (text: string): string =>
  withoutNames(text.replaceAll(/\w+\([^()]*<[^<>]*>[^()]*\)/g, ' '))

/** What is stored is not what was stored once: no key, no network and no disk of ours makes it so. */
const rot: readonly RegExp[] = [
  /ciphertext verification failed/i,
  /(?:invalid|wrong) data returned/i,
  /\b(?:hash|size|(?:pack|blob) id) does not match/i,
  /unexpected (?:file size|pack id)/i,
  /\bnot found in (?:the )?(?:index|repository)\b/i,
  /\bpack \S+ does not exist|contains damaged pack files/i,
  /\bfile is too short|\bcached file .* is too short/i,
  // 0.14, of a pack that ends too early.
  /ReadFull\S*: (?:unexpected )?EOF/,
  // A pack that is gone, as stores say it. Not the index and the list of snapshots: another one’s prune may just change them.
  /<data\/[0-9a-f]+>\S* .*(?:does not exist|not found|no such file)/i,
  /(?:StreamPack|ReadFull\S*): the specified key does not exist/i,
]
/** As a disk says it. */
const goneFromDisk = /\/data\/[0-9a-f]{2}\/[0-9a-f]{64}: no such file or directory/

export const isRot = (text: string): boolean =>
  goneFromDisk.test(text) || rot.some((pattern) => pattern.test(withoutNames(text)))
