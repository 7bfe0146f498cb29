export { CLOUDFLARE_API } from './call.ts'
export { type CloudflareOptions, createCloudflare } from './client.ts'
export { permissions } from './errors.ts'
export {
  editIngress,
  type IngressAlarm,
  type IngressEdit,
  type IngressEdited,
  type Judge,
} from './ingress.ts'
export {
  catchAll,
  duplicates,
  equal,
  hostnameOf,
  isCatchAll,
  isObject,
  NOTHING_HERE,
  type Placed,
  pathOf,
  ruleKey,
  ruleName,
  ruleOf,
  says,
  serviceOf,
  swallows,
  unreachable,
  withCatchAll,
  withoutRule,
  withRule,
} from './rules.ts'
export type * from './types.ts'
export { asciiName } from './zones.ts'
