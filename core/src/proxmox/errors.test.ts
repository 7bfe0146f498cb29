import { describe, expect, it } from 'vitest'
import type { HttpResponse } from '../ports.ts'
import { type CallFacts, errorOf } from './errors.ts'

const auth = { kind: 'token', user: 'bot@pve!homelab' } as const
const reboot: CallFacts = { method: 'POST', path: '/nodes/pve/lxc/110/status/reboot', auth }

function response(status: number, statusText: string, body: unknown = { data: null }): HttpResponse {
  return { status, statusText, headers: {}, body: typeof body === 'string' ? body : JSON.stringify(body) }
}

describe('rights', () => {
  it('401: the reason is in the status line only', () => {
    const error = errorOf(response(401, 'no such token'), reboot)
    expect(error).toMatchObject({ code: 'unauthorised' })
    expect(error.message).toBe('Proxmox does not accept bot@pve!homelab: no such token')
    expect(error.hint).toContain("pveum user token add 'bot@pve' homelab")
  })

  it.each([
    ['in the status line', response(403, 'Permission check failed (/vms/110, VM.PowerMgmt)')],
    [
      'in the message',
      response(403, 'Forbidden', {
        data: null,
        message: 'Permission check failed (/vms/110, VM.PowerMgmt)\n',
      }),
    ],
    ['with alternatives', response(403, 'Permission check failed (/vms/110, VM.PowerMgmt|VM.Console)')],
  ])('403 %s: names the privilege and the line that grants it', (_, answer) => {
    const error = errorOf(answer, reboot)
    expect(error).toMatchObject({
      code: 'unauthorised',
      data: { privilege: 'VM.PowerMgmt', path: '/vms/110' },
    })
    expect(error.hint).toContain('pveum role add HomelabOperator --privs "VM.PowerMgmt"')
    expect(error.hint).toContain(
      "pveum acl modify /vms/110 --tokens 'bot@pve!homelab' --users 'bot@pve' --roles HomelabOperator",
    )
  })

  it('403 for a token of root: only the token needs the grant; for a ticket only the user', () => {
    const answer = response(403, 'Permission check failed (/, Sys.Audit)')
    const root = errorOf(answer, { ...reboot, auth: { kind: 'token', user: 'root@pam!homelab' } })
    expect(root.hint).toContain("pveum acl modify / --tokens 'root@pam!homelab' --roles")
    const ticket = errorOf(answer, { ...reboot, auth: { kind: 'ticket', user: 'bot@pve' } })
    expect(ticket.hint).toContain("pveum acl modify / --users 'bot@pve' --roles")
  })

  it('403 for what only root@pam may do points to SSH', () => {
    const error = errorOf(response(403, 'Permission check failed (user != root@pam)'), reboot)
    expect(error.hint).toContain('by SSH')
  })
})

describe('parameters', () => {
  it('400 keeps each field', () => {
    const errors = { timeout: 'type check failed\n', vmid: 'invalid format' }
    const error = errorOf(response(400, 'Parameter verification failed.', { data: null, errors }), reboot)
    expect(error).toMatchObject({
      code: 'usage',
      data: { fields: { timeout: 'type check failed', vmid: 'invalid format' } },
    })
    expect(error.message).toContain('timeout: type check failed; vmid: invalid format')
  })

  it('400 for an unknown task is not-found; for a digest a conflict', () => {
    const task = response(400, 'Parameter verification failed.', { errors: { upid: 'no such task' } })
    expect(errorOf(task, { ...reboot, method: 'GET' }).code).toBe('not-found')
    const digest = response(400, 'Parameter verification failed.', {
      errors: { digest: 'detected modified configuration - file changed by other user?' },
    })
    expect(errorOf(digest, reboot).code).toBe('conflict')
  })
})

describe('logical errors behind a 500', () => {
  it.each([
    ['CT is locked (backup)', 'locked', { lock: 'backup' }],
    ['VM is locked (snapshot-delete)', 'locked', { lock: 'snapshot-delete' }],
    [
      "can't lock file '/run/lock/lxc/pve-config-110.lock' - got timeout",
      'locked',
      { lock: 'pve-config-110.lock' },
    ],
    ["can't acquire lock '/var/run/vzdump.lock' - got timeout", 'locked', { lock: 'vzdump.lock' }],
    ['VM 110 not running', 'conflict', { state: 'stopped' }],
    ['CT 110 already running', 'conflict', { state: 'running' }],
    ["you can't start a CT if it's a template", 'conflict', {}],
    ['detected modified configuration - file changed by other user? Try again.', 'conflict', {}],
    ["Configuration file 'nodes/pve/lxc/110.conf' does not exist", 'not-found', {}],
    ["storage 'nas' does not exist", 'not-found', {}],
    ["hostname lookup 'pve9' failed - failed to get address info for: pve9", 'not-found', {}],
    ['unable to activate storage - got timeout', 'timeout', {}],
    ['startup for container failed', 'failed', {}],
  ])('%s → %s', (text, code, data) => {
    for (const answer of [
      response(500, text),
      response(500, 'Internal Server Error', { message: `${text}\n` }),
    ]) {
      const error = errorOf(answer, reboot)
      expect(error.code).toBe(code)
      expect(error.data).toMatchObject({ status: 500, text, ...data })
    }
  })

  it('a lock is said once', () => {
    expect(errorOf(response(500, 'CT is locked (backup)'), reboot).message).toBe(
      'CT 110 on pve is locked (backup)',
    )
  })

  it('a container is not called VM', () => {
    expect(errorOf(response(500, 'VM 110 not running'), reboot).message).toBe('CT 110 is not running')
  })

  it('text in a plain body is kept, a page of a proxy is not', () => {
    expect(errorOf(response(500, 'error', 'disk is on fire'), reboot).message).toContain('disk is on fire')
    expect(errorOf(response(500, 'got no luck', '<html>'), reboot).message).toContain('got no luck')
  })
})

describe('the wrong address', () => {
  it('501 and redirects say what to look at', () => {
    expect(errorOf(response(501, "Method 'GET /x' not implemented"), reboot).hint).toContain(':8006')
    const redirect = { ...response(302, 'Found'), headers: { location: 'https://elsewhere/' } }
    expect(errorOf(redirect, reboot).message).toContain('https://elsewhere/')
  })
})
