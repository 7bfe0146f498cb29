/** What a token may not do for a container, done by root of its node over SSH. Each looks first, and does what is missing. */
export { addDevices, type Device, devicesOf, type Gpu } from './devices.ts'
export { setFeatures } from './features.ts'
export { type Folder, makeFolders, removeFolders } from './folders.ts'
export { hostOwner, idmapFor, type Owner } from './idmap.ts'
export { type AddedSubids, removeIdmap, removeSubids, setIdmap, standsStill } from './idmap-file.ts'
export { type HostSeen, lookAtHost, type PathSeen } from './look.ts'
export { type AddedMount, addMounts, type Mount } from './mounts.ts'
export { configNow } from './pct.ts'
