import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket, connect as tcp } from 'node:net'
import { Client, Server as SshServer, utils } from 'ssh2'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSshShell, type SshContext } from './shell.ts'

/** An sshd whose answers come in gulps, as they do on a busy machine: many packets in one piece. */
let ssh: SshServer
let gulps: Server
let client: Client

const listening = async (server: SshServer | Server): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  const { private: key } = utils.generateKeyPairSync('ed25519')
  ssh = new SshServer({ hostKeys: [key] }, (peer) => {
    peer.on('authentication', (attempt) => attempt.accept())
    peer.on('session', (accept) =>
      accept().on('exec', (acceptExec) => {
        const channel = acceptExec()
        channel.write('active\n')
        channel.exit(3)
        channel.end()
      }),
    )
    peer.on('error', () => undefined)
  })
  const port = await listening(ssh)
  gulps = createServer((near) => {
    const far = tcp(port, '127.0.0.1')
    let held: Buffer[] = []
    const timer = setInterval(() => {
      if (held.length > 0) near.write(Buffer.concat(held))
      held = []
    }, 40)
    far.on('data', (chunk: Buffer) => held.push(chunk))
    near.pipe(far)
    const close = (...sockets: Socket[]) => {
      clearInterval(timer)
      for (const socket of sockets) socket.destroy()
    }
    for (const socket of [near, far]) socket.on('error', () => undefined).on('close', () => close(near, far))
  })
  const gulping = await listening(gulps)
  client = new Client()
  client.connect({ host: '127.0.0.1', port: gulping, username: 'root', password: 'any' })
  await once(client, 'ready')
})
afterAll(() => {
  client.destroy()
  gulps.close()
  ssh.close()
})

test('a command that is over at once has an exit code all the same', async () => {
  const context = {
    helpers: { getSSHClient: async () => client, updateLastUsed: () => undefined },
  } as unknown as SshContext
  const shell = createSshShell(context, {
    host: '127.0.0.1',
    port: 22,
    user: 'root',
    authenticateWith: 'password',
    password: 'any',
  } as Parameters<typeof createSshShell>[1])
  for (let turn = 0; turn < 5; turn += 1)
    expect(await shell.exec(['systemctl', 'is-active', 'plex'])).toMatchObject({
      code: 3,
      stdout: 'active\n',
    })
})
