import type { Client } from './client.ts'
import { at } from './path.ts'
import { CertificateRow, NodeState, read, StorageState, UpdateRow, Version } from './schemas.ts'
import type { NodeCertificate, NodeStatus, PackageUpdate, StorageStatus } from './types.ts'

export async function nodeStatus(client: Client, node: string, signal?: AbortSignal): Promise<NodeStatus> {
  const path = at`/nodes/${node}/status`
  const state = read(NodeState, (await client.get(path, { signal })).data, path)
  return {
    version: state.pveversion,
    kernel: state['current-kernel']?.release ?? state.kversion,
    uptime: state.uptime,
    cpuModel: state.cpuinfo?.model ?? '',
    cores: state.cpuinfo?.cpus ?? 0,
    cpu: state.cpu,
    loadavg: state.loadavg,
    memory: state.memory,
    swap: state.swap,
    rootfs: state.rootfs,
  }
}

export async function storageStatus(
  client: Client,
  node: string,
  storage: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<StorageStatus> {
  const path = at`/nodes/${node}/storage/${storage}/status`
  // A lane of its own and no second try: a storage that hangs may hold up nothing but itself.
  const lane = { lane: path, max: 2 }
  const { data } = await client.get(path, { signal, timeoutMs, retries: 0, lane })
  return { storage, ...read(StorageState, data, path) }
}

export async function updates(
  client: Client,
  node: string,
  signal?: AbortSignal,
): Promise<readonly PackageUpdate[]> {
  const path = at`/nodes/${node}/apt/update`
  const rows = read(UpdateRow.array(), (await client.get(path, { signal })).data, path)
  return rows.map(({ Package: name, OldVersion: from = '', Version: to, Origin: origin }) => ({
    name,
    ...(from === '' ? {} : { from }),
    to,
    origin,
  }))
}

export async function certificates(
  client: Client,
  node: string,
  signal?: AbortSignal,
): Promise<readonly NodeCertificate[]> {
  const path = at`/nodes/${node}/certificates/info`
  const rows = read(CertificateRow.array(), (await client.get(path, { signal })).data, path)
  return rows.map(({ filename: file, subject, notafter: notAfter }) => ({
    file,
    subject,
    ...(notAfter === undefined ? {} : { notAfter }),
  }))
}

export async function version(
  client: Client,
  signal?: AbortSignal,
): Promise<{ readonly version: string; readonly release: string }> {
  return read(Version, (await client.get('/version', { signal })).data, '/version')
}
