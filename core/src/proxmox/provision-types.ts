/** Guests that are made and grow, as core sees them; sizes are bytes unless named. */
import type { Secret } from '../secret.ts'
import type { Room } from './room.ts'
import type { GuestRef, TaskEnd, WaitOptions } from './types.ts'

export interface CreateRequest {
  readonly node: string
  readonly vmid: number
  /** Volume id of the template: `local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst`. */
  readonly template: string
  readonly hostname: string
  /** Where its root disk goes. */
  readonly storage: string
  readonly sizeGib: number
  readonly unprivileged: boolean
  /** Further lines of its configuration: `cores`, `memory`, `net0`, `tags`, … */
  readonly config: Readonly<Record<string, string>>
  /** Public keys for root, one a line. */
  readonly sshKeys?: string
  /** Of root; at least 5 characters. */
  readonly password?: Secret
}

export interface CloneRequest {
  readonly vmid: number
  readonly name: string
  /** Disks of its own; without, they stay on those of the template or snapshot. */
  readonly full: boolean
  /** Of a full clone: where its disks go. */
  readonly storage?: string
  /** As it was then, instead of as it is. */
  readonly snapshot?: string
  /** Its notes, instead of those of the original. */
  readonly description?: string
}

export interface ResizeRequest {
  /** `rootfs`, `mp0`, `scsi0` */
  readonly disk: string
  /** The whole new size: sent twice, it is still that. */
  readonly bytes: number
  /** Of the configuration that the old size was read from. */
  readonly digest?: string
}

export interface Template {
  readonly volid: string
  readonly node: string
  readonly size: number
}

/** What a node can download, as of when it last read the list of what there is. */
export interface Appliance {
  /** The name of its file. */
  readonly template: string
  /** `debian-12-standard` */
  readonly package: string
  readonly os: string
  readonly version: string
  /** `system`, `turnkeylinux`, `mail` */
  readonly section: string
  readonly headline: string
}

export interface DownloadRequest {
  readonly node: string
  readonly storage: string
  readonly template: string
}

type Claimed = (upid: string) => boolean

/** Changes are sent once and answer with their task's UPID; the `find…` are for `Verbs.change`. */
export interface Provision {
  /** What guests that are being made will take, see `createRoom`. */
  readonly room: Room
  /**
   * The next VMID that nobody has, and that this process did not hand out a moment ago. Proxmox itself reserves nothing.
   * @param forMs how long it is not handed out again; default 30 s, in which whoever asked for it makes its guest
   */
  nextFree(signal?: AbortSignal, forMs?: number): Promise<number>
  /** Container templates on a storage; [] when it keeps none. */
  templates(
    place: { readonly node: string; readonly storage: string },
    signal?: AbortSignal,
  ): Promise<readonly Template[]>
  /** Volume ids of a VMID's disks on a storage, of whatever guest has or had it. @throws HomelabError also when it hangs for 10 s */
  disksOf(
    place: { readonly node: string; readonly storage: string; readonly vmid: number },
    signal?: AbortSignal,
  ): Promise<readonly string[]>
  /** A volume that no guest has. '' when it was done within the call. Needs Datastore.Allocate. */
  removeDisk(place: { readonly node: string; readonly volid: string }): Promise<string>
  available(node: string, signal?: AbortSignal): Promise<readonly Appliance[]>
  /** Sent twice, the second finds the file there. Needs Datastore.AllocateTemplate. */
  download(request: DownloadRequest): Promise<string>
  /** A task that downloads this template and ended well or goes on, whoever began it: it is in its log alone. */
  findDownload(request: DownloadRequest, since: Date): Promise<string | undefined>
  /** Whether its storages can do this, bind mounts considered: `copy` is a full clone, `clone` a linked one. */
  can(guest: GuestRef, feature: 'copy' | 'clone', snapshot?: string, signal?: AbortSignal): Promise<boolean>
  create(request: CreateRequest): Promise<string>
  findCreate(request: CreateRequest, since: Date, claimed: Claimed): Promise<string | undefined>
  clone(source: GuestRef, request: CloneRequest): Promise<string>
  /** By the source, whose task it is: another clone of it by the same user at the same time looks the same. */
  findClone(source: GuestRef, since: Date, claimed: Claimed): Promise<string | undefined>
  /** '' when it is of this size already: then there is no task. */
  resize(guest: GuestRef, request: ResizeRequest): Promise<string>
  /** `Tasks.wait` with its error in plain words. @param what `Making web (CT 105 on pve)`, to begin a sentence with */
  wait(upid: string, what: string, options?: WaitOptions): Promise<TaskEnd>
  /** Keys of its configuration that are saved and wait for its next start. */
  pending(guest: GuestRef, signal?: AbortSignal): Promise<readonly string[]>
}
