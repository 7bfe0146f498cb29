/** Every operation, by hand: what is not in this list does not exist. */
import type { Operation } from '../operation/types.ts'
import { approvalAccept, approvalReject } from './approval/decide.ts'
import { approvalList } from './approval/list.ts'
import { auditExport } from './audit/export.ts'
import { auditList } from './audit/list.ts'
import { auditShow } from './audit/show.ts'
import { auditVerify } from './audit/verify.ts'
import { backupCoverage } from './backup/coverage.ts'
import { backupDiff } from './backup/diff.ts'
import { backupDrill } from './backup/drill.ts'
import { backupFind } from './backup/find.ts'
import { backupKit } from './backup/kit.ts'
import { backupList } from './backup/list.ts'
import { backupPlans } from './backup/plans.ts'
import { backupPrune } from './backup/prune.ts'
import { backupRestore } from './backup/restore.ts'
import { backupRun } from './backup/run.ts'
import { backupShow } from './backup/show.ts'
import { backupStats } from './backup/stats.ts'
import { backupStatus } from './backup/status.ts'
import { backupUnlock } from './backup/unlock.ts'
import { backupVerify } from './backup/verify.ts'
import { help } from './desk/help.ts'
import { version } from './desk/version.ts'
import { whoami } from './desk/whoami.ts'
import { grant } from './grant/give.ts'
import { grantList } from './grant/list.ts'
import { grantRevoke } from './grant/revoke.ts'
import { rightsShow } from './grant/show.ts'
import { guestDrill } from './guest/drill.ts'
import { guestList } from './guest/list.ts'
import { guestRestart } from './guest/restart.ts'
import { guestRestore } from './guest/restore.ts'
import { guestShow } from './guest/show.ts'
import { status } from './lab/status.ts'
import { nodeList } from './node/list.ts'
import { nodeShow } from './node/show.ts'
import { runCancel } from './run/cancel.ts'
import { runList } from './run/list.ts'
import { runShow } from './run/show.ts'
import { scheduleList } from './schedule/list.ts'
import { schedulePause, scheduleResume } from './schedule/pause.ts'
import { scheduleRun } from './schedule/run.ts'
import { logs } from './service/logs.ts'
import { restart } from './service/restart.ts'
import { shutdown } from './service/shutdown.ts'
import { start } from './service/start.ts'
import { stop } from './service/stop.ts'
import { storageList } from './storage/list.ts'
import { storageShow } from './storage/show.ts'
import { taskList } from './task/list.ts'
import { taskLog } from './task/log.ts'
import { taskStop } from './task/stop.ts'

export const operations: readonly Operation[] = [
  status,
  restart,
  start,
  stop,
  shutdown,
  logs,
  guestList,
  guestShow,
  guestRestart,
  guestRestore,
  guestDrill,
  nodeList,
  nodeShow,
  storageList,
  storageShow,
  taskList,
  taskLog,
  taskStop,
  runList,
  runShow,
  runCancel,
  backupStatus,
  backupRun,
  backupPlans,
  backupList,
  backupShow,
  backupVerify,
  backupPrune,
  backupStats,
  backupCoverage,
  backupDiff,
  backupUnlock,
  backupFind,
  backupRestore,
  backupDrill,
  backupKit,
  scheduleList,
  scheduleRun,
  schedulePause,
  scheduleResume,
  approvalList,
  approvalAccept,
  approvalReject,
  auditList,
  auditShow,
  auditVerify,
  auditExport,
  grant,
  grantList,
  grantRevoke,
  rightsShow,
  help,
  whoami,
  version,
]
export { guestList, guestRestart, status }
