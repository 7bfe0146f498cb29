/** What guests are given and told: settings, larger disks, commands. */
import { describe, expect, it } from 'vitest'
import { createPve } from '../support/pve.ts'
import { changes, config, output, simulator, type, useLab, words } from './guest-life.fixture.ts'

useLab()

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
