/** What a token may not do for a container, done by root of its node over SSH. Each looks first, and does what is missing. */
export { addDevices, devicesOf } from './devices.ts'
export { setFeatures } from './features.ts'
export { makeFolders, removeFolders } from './folders.ts'
export { hostOwner, idmapFor } from './idmap.ts'
export { type AddedSubids, missingSubids, removeIdmap, removeSubids, setIdmap } from './idmap-file.ts'
export { lookAtHost } from './look.ts'
export { addMounts } from './mounts.ts'
export { configNow } from './pct.ts'
