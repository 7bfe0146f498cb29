import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { rulesText, targetsText } from './monitoring-files.ts'

test('a service is asked at each of its targets, with its labels', () => {
  const text = targetsText(
    'jellyfin',
    [
      { address: '10.0.0.5', port: 8096 },
      { address: 'fd00::5', port: 443, path: '/m?x=1', scheme: 'https' },
    ],
    { service: 'jellyfin', vmid: '211' },
  )
  expect(text).toMatch(/^# Made by homelab for jellyfin, /)
  expect(parse(text)).toEqual([
    {
      targets: ['10.0.0.5:8096'],
      labels: { service: 'jellyfin', vmid: '211', __scheme__: 'http', __metrics_path__: '/metrics' },
    },
    {
      targets: ['[fd00::5]:443'],
      labels: { service: 'jellyfin', vmid: '211', __scheme__: 'https', __metrics_path__: '/m?x=1' },
    },
  ])
})

test('rules carry what makes them incidents of the service, and keep their texts as they are', () => {
  const rule = {
    expr: 'up{service="jellyfin"} == 0\n  and on() vector(1)',
    for: '5m',
    severity: 'warning',
  } as const
  const text = rulesText('jellyfin', [
    { ...rule, alert: 'JellyfinHTTPDown', summary: '{{ $value }} of "jellyfin": # \\ is down' },
  ])
  expect(parse(text)).toEqual({
    groups: [
      {
        name: 'homelab-jellyfin',
        rules: [
          {
            alert: 'JellyfinHTTPDown',
            expr: rule.expr,
            for: '5m',
            labels: { service: 'jellyfin', severity: 'warning', kind: 'jellyfin-http-down' },
            annotations: { summary: '{{ $value }} of "jellyfin": # \\ is down' },
          },
        ],
      },
    ],
  })
})
