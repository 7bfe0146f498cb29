export { approvalRule } from './approval.ts'
export { adminsOf, personLines } from './refusals.ts'
export { createRights, neededRole, type RightsOptions, why } from './rights.ts'
