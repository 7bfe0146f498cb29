/** The credential's own switches, for whatever uses it: n8n's HTTP Request node knows nothing of what our nodes refuse. */
import type { IHttpRequestOptions } from 'n8n-workflow'
import { vmidsIn, vmidsInPath, vmidsOf } from './named.ts'
import { type Parameter, type Sent, sentBy } from './sent.ts'

/** A switch that protects: what is neither false nor absent protects, whatever it is. */
export const isOn = (value: unknown): boolean => value !== undefined && value !== false

interface Switches {
  readonly readOnly?: unknown
  readonly protectedVmids?: unknown
}

const reads: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** Why this request must not be sent with this credential; undefined when it may. */
export function refusal(credential: Switches, request: IHttpRequestOptions): string | undefined {
  if (reads.has((request.method ?? 'GET').toUpperCase())) return undefined
  if (isOn(credential.readOnly)) return 'This is a change, and the credential is read-only'
  const guarded = vmidsOf(String(credential.protectedVmids ?? ''))
  if ('wrong' in guarded)
    return `"Protected VMIDs" of the credential has "${guarded.wrong}", which is no VMID`
  if (guarded.size === 0) return undefined
  const sent = sentBy(request)
  if (sent === undefined)
    return 'The address of this change cannot be read, and the credential protects guests'
  const named = [...vmidsInPath(sent.path), ...sent.parameters.flatMap(vmidsIn)]
  const vmid = named.find((each) => guarded.has(each))
  if (vmid !== undefined) return `This would change guest ${vmid}, which is protected in the credential`
  if (takesUnnamed(sent))
    return 'This takes guests that it does not name, and the credential protects some: name the guests, by "vmid" or "vms"'
  // What is uploaded becomes a file of a storage, whatever is in it.
  if (sent.hidden && !/\/storage\/[^/]+\/upload$/.test(sent.path))
    return 'What this change sends cannot be read, and the credential protects guests'
  return undefined
}

/** Calls that take every guest of a node or a pool unless they say which. */
const ofMany = /\/(?:vzdump|startall|stopall|suspendall|migrateall|prunebackups)\/*$|\/cluster\/bulk-action\//
/** A backup job takes them later. */
const jobs = /\/cluster\/backup(?:\/[^/]+)?\/*$/
/** A node takes its guests down with it; a batch is calls of which each would have to be judged. */
const ofAll = /\/nodes\/+[^/]+\/+(?:status|execute)\/*$/

function takesUnnamed({ path, parameters }: Sent): boolean {
  if (ofAll.test(path)) return true
  const many = ofMany.test(path)
  if (!many && !jobs.test(path)) return false
  const given = (names: RegExp) => parameters.some((each) => names.test(each.name) && isGiven(each))
  return given(/^(?:all|pool|exclude)$/) || (many && !given(/^(?:vmid|vms)$/))
}

/** A switch that is off, as Proxmox reads it, is as one that is not there. */
const isGiven = ({ text }: Parameter): boolean => !/^\s*(?:0|no|off|false)?\s*$/i.test(text)
