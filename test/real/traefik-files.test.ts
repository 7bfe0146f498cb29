/** Route files by a real sshd and real coreutils: nobody ever reads half a file, whenever it is looked at and whatever dies. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createSsh, type Ssh } from '../../core/src/node/ssh.ts'
import type { Shell } from '../../core/src/ports.ts'
import { createShells } from '../../core/src/shell/index.ts'
import {
  createDirectory,
  hostRule,
  type RoutePlace,
  renderRoute,
  type TraefikRoute,
} from '../../core/src/traefik/index.ts'
import { installPct, type Sshd, startSshd } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'

const available = requireTool('sshd', 'ssh-keygen')
/** Not on every machine, and no reason to fail. */
const busybox = 'busybox'

const route = (change: Partial<TraefikRoute> = {}): TraefikRoute => ({
  name: 'homelab-jellyfin',
  rule: hostRule('jellyfin.example.org'),
  hostname: 'jellyfin.example.org',
  service: 'http://192.168.1.111:8096',
  entryPoints: ['web'],
  middlewares: [],
  ...change,
})
/** So much longer than the other that half of it would not look like it. */
const long = route({ middlewares: Array.from({ length: 2_000 }, (_, n) => `middleware-number-${n}@file`) })

describe.skipIf(!available).each(['the node', 'a container'])('on %s', (where) => {
  let sshd: Sshd
  let ssh: Ssh
  let shell: Shell
  let dir: string
  let place: RoutePlace
  beforeAll(async () => {
    sshd = await startSshd()
    installPct(sshd)
  })
  afterAll(() => sshd[Symbol.asyncDispose]())
  beforeEach(() => {
    ssh = createSsh({ hosts: { pve: sshd.host } })
    shell =
      where === 'the node'
        ? ssh.shell('pve')
        : createShells(ssh).guest({ vmid: 110, type: 'lxc', node: 'pve', name: 'traefik' })
    dir = mkdtempSync(join(tmpdir(), 'homelab traefik ü-'))
    place = createDirectory({ shell: () => shell, directory: () => dir })
  })
  afterEach(() => {
    ssh.close()
    rmSync(dir, { recursive: true, force: true })
    for (const name of ['mv', 'tee']) rmSync(join(sshd.dir, 'bin', name), { force: true })
  })
  const file = () => join(dir, 'homelab-jellyfin.yml')

  test('is put, read, changed, put back and removed', async () => {
    await place.put(route())
    expect(readFileSync(file(), 'utf8')).toBe(renderRoute(route()))
    // Traefik may run as somebody else.
    expect(statSync(file()).mode & 0o444).toBe(0o444)
    const before = await place.read('homelab-jellyfin')
    await place.put(long)
    expect(await place.read('homelab-jellyfin')).toBe(renderRoute(long))
    await place.restore('homelab-jellyfin', before)
    expect(readFileSync(file(), 'utf8')).toBe(renderRoute(route()))
    await place.restore('homelab-jellyfin', undefined)
    await place.remove('homelab-jellyfin')
    expect(readdirSync(dir)).toEqual([])
  })

  test('nobody ever reads half a file, or two', async () => {
    const texts = [renderRoute(route()), renderRoute(long)]
    await place.put(route())
    const seen = new Set<string>()
    let looks = 0
    let done = false
    const reading = (async () => {
      while (!done) {
        // As Traefik does it: the list of names, then each that ends with .yml.
        const names = readdirSync(dir).filter((name) => /\.(ya?ml|toml)$/i.test(name))
        seen.add(names.join())
        seen.add(String(texts.indexOf(readFileSync(file(), 'utf8'))))
        looks += 1
        await turn()
      }
    })()
    for (let n = 0; n < 25; n += 1) await place.put(n % 2 === 0 ? long : route())
    done = true
    await reading
    expect([...seen].toSorted()).toEqual(['0', '1', 'homelab-jellyfin.yml'])
    expect(looks).toBeGreaterThan(500)
    expect(readdirSync(dir)).toEqual(['homelab-jellyfin.yml'])
  })

  test.each(['tee', 'mv'])(
    'the connection dies at %s: what was there is whole, and the next try is, too',
    async (at) => {
      await place.put(route())
      // The process of sshd that serves this session goes, as with a cut line.
      sshd.program(
        at,
        `#!/bin/sh\n${at === 'tee' ? 'head -c 50 >"$2"\n' : ''}kill -9 $(cat '${join(dir, 'session')}')\nsleep 1\n`,
      )
      await shell.exec(['true'])
      const pid = sshd.sessionPids().at(-1)
      writeFileSync(join(dir, 'session'), String(pid))
      await expect(place.put(long)).rejects.toMatchObject({
        code: expect.stringMatching(/unreachable|unclear/),
      })
      unlinkSync(join(dir, 'session'))
      expect(readFileSync(file(), 'utf8')).toBe(renderRoute(route()))
      rmSync(join(sshd.dir, 'bin', at))
      expect((await place.files()).map(({ name, problem }) => [name, problem])).toEqual([
        ['homelab-jellyfin', undefined],
      ])
      await place.put(long)
      expect(readFileSync(file(), 'utf8')).toBe(renderRoute(long))
      expect(readdirSync(dir)).toEqual(['homelab-jellyfin.yml'])
    },
  )

  test('a disk that is full leaves what was there', async () => {
    await place.put(route())
    sshd.program('tee', '#!/bin/sh\nexec /usr/bin/tee /dev/full\n')
    await expect(place.put(long)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('No space left'),
    })
    expect(readFileSync(file(), 'utf8')).toBe(renderRoute(route()))
  })

  test('a folder in the place of the file is not moved into', async () => {
    mkdirSync(file())
    await expect(place.put(route())).rejects.toMatchObject({ code: 'failed' })
    expect(readdirSync(dir)).toEqual(['homelab-jellyfin.yml'])
    expect(readdirSync(file())).toEqual([])
  })

  test('all sorts of files are told apart, and none runs into the next', async () => {
    const texts: Readonly<Record<string, string>> = {
      'a b.yml': '# with a blank\n',
      'empty.yaml': '',
      'no-newline.yml': 'http:',
      'windows.yml': 'http:\r\n  routers:\r\n    w: {rule: "Host(`w.example.org`)", service: w}\r\n',
      'Ümlaut.YML': '# ü → 😀\n',
      "quo'te.yml": '# 1\n',
      '-rf.yml': '# 2\n',
      'line\nbreak.yml': '# 3\n',
      'OLD.TOML': '[http]\n',
      '.hidden.yml': '# Traefik reads these\n',
    }
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(dir, name), text)
    writeFileSync(join(dir, 'notes.txt'), 'not looked at')
    writeFileSync(join(dir, '.homelab-x.yml.tmp'), 'nor this')
    mkdirSync(join(dir, 'deeper.yml'))
    writeFileSync(join(dir, 'deeper.yml', 'in.yml'), '# in a folder\n')
    symlinkSync(join(dir, 'a b.yml'), join(dir, 'link.yml'))
    symlinkSync(join(dir, 'gone'), join(dir, 'dangling.yml'))
    const files = await place.files()
    expect(Object.fromEntries(files.map(({ path, text }) => [path.slice(dir.length + 1), text]))).toEqual({
      ...texts,
      'deeper.yml/in.yml': '# in a folder\n',
      'link.yml': '# with a blank\n',
      'dangling.yml': '',
    })
    expect(files.filter(({ freezes }) => freezes).map(({ path }) => path)).toEqual([
      join(dir, 'dangling.yml'),
    ])
    expect(files.find(({ name }) => name === 'windows')?.hostnames).toEqual(['w.example.org'])
  })

  test('a directory by a link is the directory', async () => {
    const link = `${dir}-link`
    symlinkSync(dir, link)
    const linked = createDirectory({ shell: () => shell, directory: () => `${link}/` })
    await linked.put(route())
    expect((await linked.files()).map(({ path }) => path)).toEqual([join(link, 'homelab-jellyfin.yml')])
    unlinkSync(link)
  })

  test('removes exactly its own file', async () => {
    writeFileSync(join(dir, 'homelab-jellyfin.yml.bak'), 'x')
    writeFileSync(join(dir, 'homelab-jellyfin.yaml'), '# a person\n')
    await place.put(route())
    await place.remove('homelab-jellyfin')
    expect(readdirSync(dir).toSorted()).toEqual(['homelab-jellyfin.yaml', 'homelab-jellyfin.yml.bak'])
  })
})

test.skipIf(![available, requireTool(busybox)].every(Boolean))('with busybox, as on Alpine', async () => {
  await using sshd = await startSshd()
  for (const name of ['find', 'cat', 'tee', 'mv', 'rm'])
    sshd.program(name, `#!/bin/sh\nexec busybox ${name} "$@"\n`)
  const ssh = createSsh({ hosts: { pve: sshd.host } })
  const dir = mkdtempSync(join(tmpdir(), 'homelab-traefik-'))
  try {
    const place = createDirectory({ shell: () => ssh.shell('pve'), directory: () => dir })
    await place.put(route())
    await place.put(long)
    writeFileSync(join(dir, 'more.yaml'), 'http:')
    expect((await place.files()).map(({ name, text }) => [name, text.length])).toEqual([
      ['homelab-jellyfin', renderRoute(long).length],
      ['more', 5],
    ])
    await place.remove('homelab-jellyfin')
    expect(readdirSync(dir)).toEqual(['more.yaml'])
  } finally {
    ssh.close()
    rmSync(dir, { recursive: true, force: true })
  }
})
