/** Alerts to the whole bot, as a process: on both of its addresses, and with `kill -9` in the middle of a burst. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { alertmanagerMessage, alertSender } from '../support/alert-sender.ts'
import { environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { keptAlerts } from '../support/kept-alerts.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { freePort } from '../support/sshd.ts'

const secret = 'secret-of-the-alertmanager-01'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator[Symbol.asyncDispose]())

const sources = (listen = '') => `alerts:\n  sources:\n    alertmanager: { secret: env:ALERTS }\n${listen}`

async function bot(folder: string, more: string) {
  const config = await writeFileFor(simulator, folder, { more })
  return startBot(['--config', config], { ...environment(simulator), ALERTS: secret }, folder)
}

const post = (url: string, authorization: string) =>
  fetch(`${url}/alerts/alertmanager`, {
    method: 'POST',
    headers: { authorization },
    body: alertmanagerMessage('one'),
  })

test('they are taken where the console is, without its login, and at an address of their own that has nothing else', async () => {
  await using home = await homeFolder()
  const port = await freePort()
  const own = `http://127.0.0.1:${port}`
  await using running = await bot(home.path, sources(`  listen: { host: 127.0.0.1, port: ${port} }\n`))
  for (const url of [running.url, own]) {
    expect((await post(url, `Bearer ${secret}`)).status).toBe(200)
    expect((await post(url, 'Bearer wrong')).status).toBe(401)
  }
  expect([(await fetch(own)).status, (await fetch(`${own}/healthz`)).status]).toEqual([404, 404])
  expect(keptAlerts(join(home.path, 'state'))).toEqual(new Set(['alertmanager/one']))
  expect(running.output()).not.toContain(secret)
})

test('without a source there is no such address', async () => {
  await using home = await homeFolder()
  await using running = await bot(home.path, 'services: {}\n')
  const elsewhere = await fetch(`${running.url}/nowhere`, { method: 'POST', body: '{}' })
  const answer = await post(running.url, `Bearer ${secret}`)
  expect([answer.status, await answer.text()]).toEqual([elsewhere.status, await elsewhere.text()])
  expect(answer.ok).toBe(false)
})

test('nothing that was answered 200 is lost by kill -9 in the middle of a burst', async () => {
  await using home = await homeFolder()
  const answered = new Set<string>()
  let sent = 0
  for (let life = 0; life < 3; life += 1) {
    await using running = await bot(home.path, sources())
    using sender = alertSender(`${running.url}/alerts/alertmanager`, secret, 50)
    const until = answered.size + 300
    let killed = false
    const work = async () => {
      while (!killed) {
        const fingerprint = `burst-${sent++}`
        const answer = await sender.send(alertmanagerMessage(fingerprint))
        if (answer === undefined) return
        expect(answer.status).toBe(200)
        answered.add(`alertmanager/${fingerprint}`)
        if (answered.size < until || killed) continue
        killed = true
        running.signal('SIGKILL')
      }
    }
    await Promise.all(Array.from({ length: 50 }, work))
    expect((await running.exited).code).toBeNull()
  }
  expect(answered.size).toBeGreaterThanOrEqual(900)
  const kept = keptAlerts(join(home.path, 'state'))
  expect([...answered].filter((alert) => !kept.has(alert))).toEqual([])
})
