/** Guests that come, change and go, through the desk of a terminal: end states first, calls after. */
import { createSecrets } from '@homelab/core/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { secretsOf } from '../../bot/src/lab/simulated.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
let desk: InlineDesk
let first: ReadonlySet<number>

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
  first = new Set((await simulator.state()).guests.map(({ vmid }) => vmid))
})
afterAll(() => simulator?.stop())
// A desk of its own for each test: what one remembers of the lab must not reach the next.
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  for (const { vmid } of (await simulator.state()).guests)
    if (!first.has(vmid)) await simulator.changeGuest(vmid, { remove: true })
  const source = await sourceOf(simulator, { change: (inventory) => ({ ...inventory, exec: ['plex'] }) })
  const secrets = createSecrets({
    env: { ...secretsOf(simulator.lab), ROOT_PASSWORD: 'correct horse', SHORT: 'abc' },
  })
  desk = await inlineDesk({ ...source, secrets })
})
afterEach(() => desk[Symbol.asyncDispose]())

/** Types a command and waits for its end; `confirmed` answers yes beforehand. */
const type = async (text: string, confirmed = true): Promise<Posted> =>
  await desk.desk.settled(desk.submit(text, confirmed).id, { asking: true })
const output = <T>(posted: Posted): T => {
  expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
  return posted.output as T
}
const words = ({ card }: Posted): string => JSON.stringify(card)
const guest = async (vmid: number) => (await simulator.state()).guests.find((each) => each.vmid === vmid)
const named = async (name: string) => (await simulator.state()).guests.filter((each) => each.name === name)
const config = async (vmid: number, kind = 'lxc') =>
  (await createPve(simulator.lab).get(`/nodes/pve/${kind}/${vmid}/config`)).data as Record<string, unknown>
const changes = async (vmid: number) => (await simulator.counts()).changes[String(vmid)]

interface Made {
  readonly vmid: number
  readonly status: string
}

describe('guest create', () => {
  it('makes a container as it was asked for, and starts it', async () => {
    const made = output<Made>(
      await type(
        'guest create web debian-12 storage:tesla size:16 cores:2 memory:1024 swap:256 tags:apps,Test ' +
          'net:name=eth0,bridge=vmbr0,ip=192.168.1.60/24,gw=192.168.1.1 nameserver:1.1.1.1 features:nesting=1 ' +
          'password:env:ROOT_PASSWORD',
      ),
    )
    expect(await guest(made.vmid)).toMatchObject({ name: 'web', state: 'running', lock: null })
    expect(await config(made.vmid)).toMatchObject({
      hostname: 'web',
      cores: 2,
      memory: 1024,
      swap: 256,
      tags: 'apps;test',
      nameserver: '1.1.1.1',
      features: 'nesting=1',
      unprivileged: 1,
      rootfs: `tesla:subvol-${made.vmid}-disk-0,size=16G`,
      net0: expect.stringContaining('ip=192.168.1.60/24'),
    })
    expect(made.status).toBe('running')
    expect(await changes(made.vmid)).toEqual({ create: 1, start: 1 })
  })

  it('leaves it stopped when told to, under the VMID that was asked for', async () => {
    const made = output<Made>(await type('guest create web debian-12 storage:tesla vmid:444 start:false'))
    expect(made).toMatchObject({ vmid: 444, status: 'stopped' })
    expect(await guest(444)).toMatchObject({ state: 'stopped' })
  })

  it('takes another number when somebody else was faster', async () => {
    const next = Number((await createPve(simulator.lab).get('/cluster/nextid')).data)
    const mark = await simulator.mark()
    await simulator.fault({ holdBefore: 1 })
    const running = type('guest create web debian-12 storage:tesla start:false')
    await simulator.waitFor({ kind: 'held' }, { after: mark })
    await createPve(simulator.lab).post('/nodes/pve/lxc', {
      vmid: String(next),
      hostname: 'faster',
      ostemplate: 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst',
      storage: 'tesla',
      unprivileged: '1',
    })
    await simulator.release()
    const made = output<Made>(await running)
    expect(made.vmid).not.toBe(next)
    expect(await guest(made.vmid)).toMatchObject({ name: 'web' })
    expect(await guest(next)).toMatchObject({ name: 'faster' })
  })

  it('refuses a VMID that is taken, a template and a storage that are not there, with those that are', async () => {
    expect(await type('guest create web debian-12 storage:tesla vmid:110')).toMatchObject({
      error: 'conflict',
      card: { text: 'The VMID 110 is taken.' },
    })
    expect(words(await type('guest create web alpine storage:tesla'))).toContain('debian-12-standard_12.7-1')
    const nowhere = await type('guest create web debian-12 storage:local')
    expect(nowhere.error).toBe('not-found')
    expect(words(nowhere)).toContain('local-lvm, tesla')
    expect(words(await type('guest create web debian-12'))).toMatch(/several storages.*local-lvm, tesla/)
    expect((await simulator.counts()).changes).toEqual({})
  })

  it('wants a reference to a password, and one that Proxmox takes', async () => {
    const typed = await type('guest create web debian-12 storage:tesla password:hunter22')
    expect(typed.error).toBe('usage')
    const short = await type('guest create web debian-12 storage:tesla password:env:SHORT')
    expect(short).toMatchObject({ error: 'config', card: { text: expect.stringContaining('too short') } })
    expect((await type('guest create web debian-12 storage:tesla ssh-keys:"-----BEGIN KEY"')).error).toBe(
      'usage',
    )
    expect((await simulator.counts()).changes).toEqual({})
  })

  it.each([{ cutAfter: 1 }, { answer596: 1 }])('is made once when the answer is lost: %o', async (fault) => {
    await simulator.fault(fault)
    const made = output<Made>(await type('guest create web debian-12 storage:tesla start:false'))
    expect(await named('web')).toHaveLength(1)
    expect(await changes(made.vmid)).toEqual({ create: 1 })
  })

  it('that never arrived is not sent again, and says so', async () => {
    await simulator.fault({ cutBefore: 1 })
    const posted = await type('guest create web debian-12 storage:tesla vmid:448 start:false')
    expect(posted.error).toBe('unclear')
    expect(await named('web')).toEqual([])
  }, 30_000)

  it('says what is wrong when the storage is full, and leaves nothing', async () => {
    await simulator.fault({ fullStorage: ['tesla'] })
    const posted = await type('guest create web debian-12 storage:tesla')
    expect(posted).toMatchObject({ error: 'failed', card: { text: expect.stringContaining('is full') } })
    expect(words(posted)).toContain('out of space')
    expect(await named('web')).toEqual([])
  })

  it('takes away what a killed task left half made', async () => {
    await simulator.fault({ taskBreaks: [{ type: 'vzcreate', status: 'unexpected status' }] })
    const posted = await type('guest create web debian-12 storage:tesla vmid:445')
    expect(posted).toMatchObject({ error: 'failed', card: { text: expect.stringContaining('killed') } })
    expect(await guest(445)).toBeUndefined()
    expect(await changes(445)).toEqual({ create: 1, destroy: 1 })
  })

  it('that is made and does not start stays, and says so', async () => {
    await simulator.fault({
      taskEnds: [{ type: 'vzstart', status: 'startup failed', log: ['lxc_spawn: no bridge vmbr7'] }],
    })
    const posted = await type('guest create web debian-12 storage:tesla vmid:446')
    expect(posted.error).toBe('failed')
    expect(posted.card.text).toMatch(/^web is made \(CT 446 on pve\), but it did not start/)
    expect(words(posted)).toContain('no bridge vmbr7')
    expect(await guest(446)).toMatchObject({ name: 'web', lock: null })
  })

  it('names the privilege that is missing', async () => {
    const who = simulator.lab.token.id
    await simulator.setAcl(
      [who, who.split('!')[0] ?? who].flatMap((each) => [
        { path: '/', who: each, role: 'PVEAuditor' },
        { path: '/storage', who: each, role: 'PVEDatastoreAdmin' },
      ]),
    )
    const posted = await type('guest create web debian-12 storage:tesla vmid:447')
    expect(posted).toMatchObject({ error: 'unauthorised' })
    expect(words(posted)).toMatch(/lacks VM\.Allocate on \/vms\/447/)
  })

  it('warns of what one may not have meant, on a dry run', async () => {
    const posted = await type('guest create plex debian-12 storage:tesla unprivileged:false --dry-run')
    expect(words(posted)).toMatch(/privileged.*neither a password nor a key.*CT 110 on pve has this name too/)
    expect((await simulator.counts()).changes).toEqual({})
  })
})

describe('guest clone', () => {
  it('copies a stopped container with its own disks and addresses', async () => {
    await simulator.changeGuest(123, { state: 'stopped' })
    const made = output<Made>(await type('guest clone vaultwarden vault-test'))
    expect(await guest(made.vmid)).toMatchObject({ name: 'vault-test', state: 'stopped', lock: null })
    const [copy, original] = [await config(made.vmid), await config(123)]
    expect(copy.rootfs).toBe(`tesla:subvol-${made.vmid}-disk-0,size=4G`)
    expect(copy.net0).not.toBe(original.net0)
    expect(await guest(123)).toMatchObject({ lock: null })
  })

  it('says of a running one that it must be stopped, and of one with folders of the host how else', async () => {
    expect(await type('guest clone vaultwarden')).toMatchObject({
      error: 'conflict',
      card: { text: expect.stringContaining('vaultwarden runs') },
    })
    await simulator.changeGuest(120, { state: 'stopped' })
    const bound = await type('guest clone immich')
    expect(bound).toMatchObject({
      error: 'conflict',
      card: { text: 'immich cannot be cloned: its mp0 (/Apollo/Photos) is of the host.' },
    })
    expect(words(bound)).toContain('guest restore immich')
    expect((await simulator.counts()).changes).toEqual({})
  })

  it('links to a template only', async () => {
    const made = output<Made>(await type('guest clone debian-12-template web linked:true start:true'))
    expect(made.status).toBe('running')
    expect((await config(made.vmid)).rootfs).toBe(`tesla:base-900-disk-0/subvol-${made.vmid}-disk-0,size=4G`)
    expect((await config(made.vmid)).template).toBeUndefined()
    expect(words(await type('guest clone vaultwarden web linked:true'))).toContain('Only a template can')
    expect(words(await type('guest clone 900 web linked:true storage:tesla'))).toContain(
      'stays on the storage',
    )
  })

  it('copies a running VM', async () => {
    const made = output<Made>(await type('guest clone homeassistant ha-test vmid:460'))
    expect(await guest(made.vmid)).toMatchObject({ type: 'qemu', name: 'ha-test', state: 'stopped' })
    expect(await guest(130)).toMatchObject({ state: 'running' })
  })

  it.each([{ cutAfter: 1 }, { answer596: 1 }])('is made once when the answer is lost: %o', async (fault) => {
    await simulator.fault(fault)
    const made = output<Made>(await type('guest clone 900 web'))
    expect(await named('web')).toHaveLength(1)
    expect(await changes(made.vmid)).toEqual({ clone: 1 })
  })

  it('takes away what a killed task left half made', async () => {
    await simulator.fault({ taskBreaks: [{ type: 'vzclone', status: 'unexpected status' }] })
    expect((await type('guest clone 900 web vmid:461')).error).toBe('failed')
    expect(await guest(461)).toBeUndefined()
    expect(await guest(900)).toMatchObject({ lock: null })
  })
})

describe('guest set', () => {
  interface Changed {
    readonly outcome: string
    readonly changed: readonly { readonly key: string; readonly pending: boolean }[]
  }

  it('changes what is given and nothing else', async () => {
    const before = await config(112)
    const done = output<Changed>(
      await type('guest set radarr cores:3 memory:1536 tags:media,New description:"two words" onboot:false'),
    )
    const { digest: _digest, ...now } = await config(112)
    expect(now).toEqual({
      ...before,
      digest: undefined,
      cores: 3,
      memory: 1536,
      tags: 'media;new',
      description: 'two words',
      onboot: 0,
    })
    expect(done.changed.every(({ pending }) => !pending)).toBe(true)
    expect(output<Changed>(await type('guest set radarr clear:description'))).toMatchObject({
      outcome: 'done',
    })
    expect((await config(112)).description).toBeUndefined()
    expect(await changes(112)).toEqual({ config: 2 })
    await type('guest set radarr cores:2 memory:1024 tags:media onboot:true')
  })

  it('says when it was so already', async () => {
    expect(output(await type('guest set radarr cores:2'))).toMatchObject({ outcome: 'unchanged' })
    expect(await changes(112)).toBeUndefined()
  })

  it('says what a running VM takes at its next start only', async () => {
    const done = output<Changed>(await type('guest set homeassistant memory:6144 description:x'))
    expect(done.changed).toMatchObject([
      { key: 'memory', pending: true },
      { key: 'description', pending: false },
    ])
    await type('stop homeassistant')
    await type('start homeassistant')
    const fresh = (await createPve(simulator.lab).get('/nodes/pve/qemu/130/config?current=1')).data
    expect(fresh).toMatchObject({ memory: '6144' })
    await type('guest set homeassistant memory:4096 clear:description')
  })

  it('is refused when somebody else changed it meanwhile', async () => {
    const digest = String((await config(112)).digest)
    await simulator.changeGuest(112, { config: { startup: 'order=3' } })
    const posted = await type(`guest set radarr cores:4 digest:${digest}`)
    expect(posted.error).toBe('conflict')
    await simulator.changeGuest(112, { config: { startup: null } })

    const mark = await simulator.mark()
    await simulator.fault({ holdBefore: 1 })
    const running = type('guest set radarr cores:4')
    await simulator.waitFor({ kind: 'held' }, { after: mark })
    await simulator.changeGuest(112, { config: { startup: 'order=4' } })
    await simulator.release()
    expect(await running).toMatchObject({
      error: 'conflict',
      card: { text: expect.stringContaining('changed by somebody else') },
    })
    expect((await config(112)).cores).toBe(2)
    await simulator.changeGuest(112, { config: { startup: null } })
  })

  it('is found when its answer is lost', async () => {
    await simulator.fault({ cutAfter: 1 })
    expect(output(await type('guest set radarr swap:1024'))).toMatchObject({ outcome: 'done' })
    expect(await changes(112)).toEqual({ config: 1 })
    await type('guest set radarr swap:512')
  })

  it('says what is wrong with what was asked', async () => {
    expect((await type('guest set radarr')).card.text).toContain('Nothing to change')
    expect((await type('guest set homeassistant swap:1')).error).toBe('usage')
    await simulator.changeGuest(112, { lock: 'backup' })
    expect(await type('guest set radarr cores:1')).toMatchObject({ error: 'locked' })
    expect(await changes(112)).toBeUndefined()
  })
})

describe('guest resize', () => {
  it('enlarges by so much, or to a size', async () => {
    expect(output(await type('guest resize radarr +2G'))).toMatchObject({
      disk: 'rootfs',
      after: 10 * 2 ** 30,
    })
    expect((await config(112)).rootfs).toBe('tesla:subvol-112-disk-0,size=10G')
    expect(output(await type('guest resize homeassistant 40G'))).toMatchObject({ disk: 'scsi0' })
    expect((await config(130, 'qemu')).scsi0).toContain('size=40G')
  })

  it('asks first, and says that it is for good', async () => {
    const asked = await type('guest resize sonarr +1G', false)
    expect(asked.state).toBe('asking')
    expect(words(asked)).toContain('cannot be undone')
  })

  it('never makes one smaller, and nothing of the host larger', async () => {
    expect(await type('guest resize sonarr 4G')).toMatchObject({
      error: 'conflict',
      card: { text: expect.stringContaining('only gets larger') },
    })
    expect((await type('guest resize sonarr +1G disk:mp0')).card.text).toContain('/Apollo/Media')
    expect(words(await type('guest resize sonarr +1G disk:mp9'))).toContain('It has rootfs')
    expect(await changes(113)).toBeUndefined()
  })

  it('enlarges once when the answer is lost', async () => {
    await simulator.fault({ cutAfter: 1 })
    output(await type('guest resize sonarr +1G'))
    expect((await config(113)).rootfs).toBe('tesla:subvol-113-disk-0,size=9G')
    expect(await changes(113)).toEqual({ resize: 1 })
  })

  it('shows what its task says when it fails', async () => {
    await simulator.fault({ fullStorage: ['tesla'] })
    const posted = await type('guest resize sonarr +900G')
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain('size is greater than available space')
  })
})

describe('guest delete', () => {
  const make = async (name: string, more = '') =>
    output<Made>(await type(`guest create ${name} debian-12 storage:tesla ${more}`)).vmid

  it('takes a stopped guest with its disks, when its name is said twice', async () => {
    const vmid = await make('web', 'start:false')
    const wrong = await type(`guest delete web plex`)
    expect(wrong).toMatchObject({ error: 'usage' })
    expect(await guest(vmid)).toBeDefined()
    expect(output(await type('guest delete web web'))).toMatchObject({
      vmid,
      volumes: [`tesla:subvol-${vmid}-disk-0 (rootfs, 8G)`],
    })
    expect(await guest(vmid)).toBeUndefined()
    expect(await changes(vmid)).toEqual({ create: 1, destroy: 1 })
  })

  it('asks first: what is lost, what stays, and the archive that there is', async () => {
    await simulator.changeGuest(121, {
      state: 'stopped',
      config: { mp1: 'tesla:subvol-121-disk-1,mp=/data,size=2G' },
    })
    const asked = await type('guest delete nextcloud nextcloud', false)
    expect(asked.state).toBe('asking')
    expect(words(asked)).toMatch(/subvol-121-disk-0 \(rootfs, 16G\), tesla:subvol-121-disk-1 \(mp1, 2G\)/)
    expect(words(asked)).toContain('/Apollo/Nextcloud of the host stays')
    expect(words(asked)).toMatch(/newest archive is of 2 d.* ago on local, known to be there, and not proven/)
    expect(words(asked)).toContain('tesla:subvol-121-disk-1 (mp1, 2G) is in no archive')
    await simulator.changeGuest(121, { config: { mp1: null } })
    await simulator.changeGuest(111, { state: 'stopped' })
    expect(words(await type('guest delete jellyfin 111', false))).toContain(
      'has no archive: nothing brings it back',
    )
  })

  it('refuses what is protected, naming how to lift it', async () => {
    const vmid = await make('web', 'start:false')
    output(await type('guest set web protection:true'))
    const posted = await type('guest delete web web')
    expect(posted).toMatchObject({ error: 'conflict' })
    expect(words(posted)).toContain(`guest set ${vmid} protection:false`)
    output(await type(`guest set ${vmid} protection:false`))
    output(await type('guest delete web web'))
    expect(await guest(vmid)).toBeUndefined()
  })

  it('refuses one that runs, unless it is to be stopped', async () => {
    const vmid = await make('web')
    expect(await type('guest delete web web')).toMatchObject({
      error: 'conflict',
      card: { text: expect.stringContaining('web runs') },
    })
    output(await type('guest delete web web stop:true'))
    expect(await guest(vmid)).toBeUndefined()
    expect(await changes(vmid)).toEqual({ create: 1, start: 1, shutdown: 1, destroy: 1 })
  })

  it('refuses one that HA manages, unless it is taken out of it', async () => {
    const vmid = await make('web', 'start:false')
    await simulator.changeGuest(vmid, { ha: 'stopped' })
    expect(words(await type('guest delete web web'))).toContain('purge:true')
    output(await type('guest delete web web purge:true'))
    expect(await guest(vmid)).toBeUndefined()
  })

  it('is done once when the answer is lost', async () => {
    const vmid = await make('web', 'start:false')
    await simulator.fault({ cutAfter: 1 })
    output(await type('guest delete web web'))
    expect(await guest(vmid)).toBeUndefined()
    expect(await changes(vmid)).toEqual({ create: 1, destroy: 1 })
  })

  it('that fails shows the end of the log', async () => {
    const vmid = await make('web', 'start:false')
    await simulator.fault({ taskBreaks: [{ type: 'vzdestroy', status: 'dataset is busy' }] })
    const posted = await type('guest delete web web')
    expect(posted).toMatchObject({
      error: 'failed',
      card: { text: expect.stringContaining('dataset is busy') },
    })
    expect(await guest(vmid)).toBeDefined()
  })
})

describe('guest backup, and the archives', () => {
  interface Archives {
    readonly archives: readonly {
      readonly volid: string
      readonly protected: boolean
      readonly notes?: string
    }[]
  }
  const archivesOf = async (name: string) => output<Archives>(await type(`guest archives ${name}`)).archives

  it('leaves an archive, says what is not in it, and keeps the older ones', async () => {
    const before = await archivesOf('immich')
    const saved = output<{ archive: string }>(await type('guest backup immich notes:"before the update"'))
    expect(saved).toMatchObject({
      storage: 'local',
      excluded: [{ key: 'mp0', target: '/apollo/photos', why: 'not a volume' }],
    })
    const after = await archivesOf('immich')
    expect(after).toHaveLength(before.length + 1)
    expect(after[0]).toMatchObject({ volid: saved.archive, notes: 'before the update', protected: false })
    output(await type(`guest discard ${saved.archive}`))
    expect(await archivesOf('immich')).toEqual(before)
  })

  it('needs no more than VM.Backup and Datastore.AllocateSpace', async () => {
    const who = simulator.lab.token.id
    await simulator.setAcl(
      [who, who.split('!')[0] ?? who].map((each) => ({
        path: '/',
        who: each,
        privs: ['VM.Audit', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit', 'Sys.Audit'],
      })),
    )
    const saved = output<{ archive: string }>(await type('guest backup cloudflared'))
    output(await type(`guest discard ${saved.archive}`))
  })

  it('is begun once when the answer is lost, and fails with the end of the log', async () => {
    await simulator.fault({ cutAfter: 1 })
    const saved = output<{ archive: string }>(await type('guest backup cloudflared'))
    expect(await changes(104)).toEqual({ vzdump: 1 })
    output(await type(`guest discard ${saved.archive}`))
    await simulator.fault({ fullStorage: ['local'] })
    const posted = await type('guest backup cloudflared')
    expect(posted).toMatchObject({ error: 'failed', card: { text: expect.stringContaining('is full') } })
    expect(await archivesOf('cloudflared')).toEqual([])
  })

  it('asks before one is deleted, and refuses a protected one', async () => {
    const saved = output<{ archive: string }>(await type('guest backup cloudflared protected:true'))
    const refused = await type(`guest discard ${saved.archive}`)
    expect(refused).toMatchObject({ error: 'conflict', card: { text: expect.stringContaining('protected') } })
    expect(await archivesOf('cloudflared')).toHaveLength(1)
    await createPve(simulator.lab).put(
      `/nodes/pve/storage/local/content/${encodeURIComponent(saved.archive)}`,
      { protected: '0' },
    )
    const asked = await type(`guest discard ${saved.archive.split('/')[1]}`, false)
    expect(asked.state).toBe('asking')
    expect(words(asked)).toContain('the only archive of guest 104')
    await simulator.fault({ cutAfter: 1 })
    expect(output(await type(`guest discard ${saved.archive}`))).toMatchObject({ left: 0 })
    expect(await archivesOf('cloudflared')).toEqual([])
  })

  it('says which storage could not be looked at instead of "none"', async () => {
    const who = simulator.lab.token.id
    await simulator.setAcl(
      [who, who.split('!')[0] ?? who].map((each) => ({ path: '/', who: each, role: 'PVEAuditor' })),
    )
    const posted = await type('guest archives plex')
    expect(output(posted)).toMatchObject({ archives: [], problems: [{ storage: 'local' }] })
    expect(words(posted)).toContain('Datastore.AllocateSpace')
    expect((await type('guest discard vzdump-lxc-1-x.tar')).error).toBe('not-found')
  })
})

describe('guest exec', () => {
  interface Ran {
    readonly code: number | null
    readonly stdout: string
    readonly stderr: string
    readonly truncated: boolean
  }

  it('runs what it was given, argument by argument', async () => {
    const ran = output<Ran>(
      await type(`guest exec plex -- printf %s| a,b "it's" 'say "x"' "both '"'"'"' here" --json -y`),
    )
    expect(ran).toMatchObject({
      code: 0,
      stdout: `a,b|it's|say "x"|both '"' here|--json|-y|`,
    })
  })

  it('hands on the exit code and what was said', async () => {
    const posted = await type('guest exec plex "sh" "-c" "echo out; echo err >&2; exit 3"')
    expect(posted.output).toMatchObject({ code: 3, stdout: 'out\n', stderr: 'err\n', truncated: false })
    expect(posted.card.tone).toBe('error')
  })

  it('keeps the end of what is too much', async () => {
    const ran = output<Ran>(
      await type('guest exec plex "sh" "-c" "head -c 200000 /dev/zero | tr \'\\0\' x; echo end"'),
    )
    expect(ran.truncated).toBe(true)
    expect(ran.stdout).toHaveLength(64 * 1024)
    expect(ran.stdout).toMatch(/xend\n$/)
  })

  it('that is cut off is unclear, and is not run again', async () => {
    const posted = await type('guest exec plex "sleep" "30" timeout:1')
    expect(posted).toMatchObject({ error: 'unclear' })
    // The second is what ends the first.
    expect((await simulator.counts()).execs).toBeLessThanOrEqual(2)
  })

  it('is off where the file does not name the guest, and for VMs', async () => {
    const posted = await type('guest exec sonarr "id"')
    expect(posted).toMatchObject({ error: 'denied' })
    expect(words(posted)).toContain('exec: [sonarr]')
    expect((await simulator.counts()).execs).toBe(0)
    await simulator.changeGuest(110, { state: 'stopped' })
    expect(await type('guest exec plex "id"')).toMatchObject({
      error: 'conflict',
      card: { text: expect.stringContaining('not running') },
    })
  })
})
