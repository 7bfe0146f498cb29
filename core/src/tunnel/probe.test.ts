import { expect, it } from 'vitest'
import { judgeOutside, judgeRoute } from './probe.ts'

const answer = (status: number, body = '', headers: Record<string, string> = {}) => ({
  status,
  statusText: '',
  body,
  headers,
})
const edge = { server: 'cloudflare' }

it.each([
  [200, '', 'answers'],
  [401, '', 'answers'],
  [404, 'Not here, says the service', 'answers'],
  [404, '404 page not found\n', 'wrong'],
  [502, 'Bad Gateway', 'wrong'],
  [504, '', 'wrong'],
  [503, 'no available server', 'wrong'],
  [503, 'maintenance', 'answers'],
])('Traefik: %d %j %s', (status, body, state) => {
  expect(judgeRoute(answer(status, body)).state).toBe(state)
})

it.each([
  [200, '', edge, 'answers'],
  [403, '', edge, 'answers'],
  [302, '', { ...edge, location: 'https://team.cloudflareaccess.com/cdn-cgi/access/login/x' }, 'login'],
  [302, '', { ...edge, location: 'https://cloudflareaccess.com.evil.example/' }, 'answers'],
  [302, '', { ...edge, location: '/web/index.html' }, 'answers'],
  [530, 'error code: 1033', edge, 'wrong'],
  [530, '<html>Error 1016 Ray ID', edge, 'wrong'],
  [502, 'Bad gateway', edge, 'wrong'],
  [522, '', edge, 'wrong'],
  [404, '404 page not found\n', edge, 'wrong'],
  [200, 'a page of the lab', {}, 'unseen'],
  [200, '', { 'cf-ray': 'x' }, 'answers'],
])('outside: %d %j %j %s', (status, body, headers, state) => {
  expect(judgeOutside(answer(status, body, headers)).state).toBe(state)
})
