/** Every operation, by hand: what is not in this list does not exist. */
import type { Operation } from '../operation/types.ts'
import { alertAck, alertResolve } from './alert/ack.ts'
import { alertList } from './alert/list.ts'
import { alertSetup } from './alert/setup.ts'
import { alertShow } from './alert/show.ts'
import { alertSilence, alertUnsilence } from './alert/silence.ts'
import { approvalAccept, approvalReject } from './approval/decide.ts'
import { approvalList } from './approval/list.ts'
import { archiveDelete } from './archive/delete.ts'
import { archiveList } from './archive/list.ts'
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
import { clusterResources } from './cluster/resources.ts'
import { clusterStatus } from './cluster/status.ts'
import { help } from './desk/help.ts'
import { version } from './desk/version.ts'
import { whoami } from './desk/whoami.ts'
import { dnsList } from './dns/list.ts'
import { grant } from './grant/give.ts'
import { grantList } from './grant/list.ts'
import { grantRevoke } from './grant/revoke.ts'
import { rightsShow } from './grant/show.ts'
import { graph } from './graph/show.ts'
import { guestBackup } from './guest/backup.ts'
import { guestClone } from './guest/clone.ts'
import { guestCreate } from './guest/create.ts'
import { guestDelete } from './guest/delete.ts'
import { guestDrill } from './guest/drill.ts'
import { guestExec } from './guest/exec.ts'
import { guestList } from './guest/list.ts'
import { guestMigrate } from './guest/migrate.ts'
import { guestResize } from './guest/resize.ts'
import { guestRestart } from './guest/restart.ts'
import { guestRestore } from './guest/restore.ts'
import { guestSet } from './guest/set.ts'
import { guestShow } from './guest/show.ts'
import { guestShutdown } from './guest/shutdown.ts'
import { guestStart } from './guest/start.ts'
import { guestStop } from './guest/stop.ts'
import { haAdd } from './ha/add.ts'
import { haRemove } from './ha/remove.ts'
import { haSet } from './ha/set.ts'
import { haStatus } from './ha/status.ts'
import { k3sLogs } from './k3s/logs.ts'
import { k3sRestart } from './k3s/restart.ts'
import { k3sStatus } from './k3s/status.ts'
import { digest } from './lab/digest.ts'
import { status } from './lab/status.ts'
import { top } from './lab/top.ts'
import { maintenanceStart } from './maintenance/start.ts'
import { maintenanceList, maintenanceStop } from './maintenance/stop.ts'
import { monitoringRules } from './monitoring/rules.ts'
import { nodeList } from './node/list.ts'
import { nodeShow } from './node/show.ts'
import { deprovision } from './provision/deprovision.ts'
import { blueprintList } from './provision/list.ts'
import { provision } from './provision/provision.ts'
import { replicationAdd } from './replication/add.ts'
import { replicationRemove } from './replication/remove.ts'
import { replicationRun } from './replication/run.ts'
import { replicationStatus } from './replication/status.ts'
import { routeList } from './route/list.ts'
import { routeShow } from './route/show.ts'
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
import { snapshotCreate } from './snapshot/create.ts'
import { snapshotDelete } from './snapshot/delete.ts'
import { snapshotList } from './snapshot/list.ts'
import { snapshotRollback } from './snapshot/rollback.ts'
import { storageList } from './storage/list.ts'
import { storageShow } from './storage/show.ts'
import { taskList } from './task/list.ts'
import { taskLog } from './task/log.ts'
import { taskShow } from './task/show.ts'
import { taskStop } from './task/stop.ts'
import { taskWait } from './task/wait.ts'
import { templateDownload } from './template/download.ts'
import { templateList } from './template/list.ts'
import { tunnelDrift } from './tunnel/drift.ts'
import { tunnelExpose } from './tunnel/expose.ts'
import { tunnelFix } from './tunnel/fix.ts'
import { tunnelRotate } from './tunnel/rotate.ts'
import { tunnelRoutes } from './tunnel/routes.ts'
import { tunnelStatus } from './tunnel/status.ts'
import { tunnelUnexpose } from './tunnel/unexpose.ts'
import { updateCheck } from './update/check.ts'
import { updateRun } from './update/run.ts'
import { workflowList } from './workflow/list.ts'
import { workflowRun } from './workflow/run.ts'

export const operations: readonly Operation[] = [
  status,
  restart,
  start,
  stop,
  shutdown,
  logs,
  graph,
  top,
  digest,
  guestList,
  guestShow,
  guestStart,
  guestStop,
  guestShutdown,
  guestRestart,
  guestRestore,
  guestDrill,
  blueprintList,
  provision,
  deprovision,
  guestCreate,
  guestClone,
  guestSet,
  guestResize,
  guestBackup,
  guestMigrate,
  guestDelete,
  guestExec,
  archiveList,
  archiveDelete,
  snapshotList,
  snapshotCreate,
  snapshotRollback,
  snapshotDelete,
  clusterResources,
  clusterStatus,
  nodeList,
  nodeShow,
  haStatus,
  haAdd,
  haSet,
  haRemove,
  replicationStatus,
  replicationAdd,
  replicationRun,
  replicationRemove,
  updateCheck,
  updateRun,
  templateList,
  templateDownload,
  storageList,
  storageShow,
  taskList,
  taskShow,
  taskLog,
  taskWait,
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
  tunnelStatus,
  tunnelRoutes,
  tunnelExpose,
  tunnelUnexpose,
  tunnelDrift,
  tunnelFix,
  tunnelRotate,
  routeList,
  routeShow,
  dnsList,
  workflowList,
  workflowRun,
  k3sStatus,
  k3sRestart,
  k3sLogs,
  alertList,
  alertShow,
  alertAck,
  alertSilence,
  alertUnsilence,
  alertResolve,
  alertSetup,
  maintenanceStart,
  maintenanceStop,
  maintenanceList,
  monitoringRules,
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
export { digest, guestList, guestRestart, status }
