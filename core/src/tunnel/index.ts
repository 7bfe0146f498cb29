export { toBase64 } from './base64.ts'
export { isUp, leadsTo } from './checks.ts'
export { coverageBy, guarding, isOpen } from './coverage.ts'
export { driftOf } from './drift.ts'
export { indexOf, type Place } from './drift-index.ts'
export { type DriftRow, type Fix, inOrder, row, type Severity, severities } from './drift-row.ts'
export type { Found } from './find.ts'
export { certified, hostnameOf, isWildcard } from './hostnames.ts'
export { ingressOf } from './ingress.ts'
export { isPrivate, markOf } from './marks.ts'
export { createNetwork, type NetworkParts } from './network.ts'
export {
  type DnsMark,
  dnsComment,
  hostOfRule,
  readMark,
  recordText,
  serviceOfRule,
  takesName,
  tunnelOfRecord,
  wholeRule,
} from './ownership.ts'
export { lookAround, type Seen } from './seen.ts'
export { guard, isRuled, record, rule, type Work } from './steps.ts'
export { type Crypto, type Network, type NetworkServices, networkNeeds } from './types.ts'
export { planTaking, runTaking } from './unexpose.ts'
export { tunnelOf } from './where.ts'
