import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { knownServices } from '../health/catalogue.ts'
import { questionFor } from '../health/select.ts'
import { operations } from '../operations/index.ts'
import { guest } from './fixture.ts'
import { inventoryJsonSchema } from './json-schema.ts'
import { parseInventory } from './parse.ts'

const read = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')
const text = read('homelab.example.yaml')
const inventory = parseInventory(text, { file: 'homelab.example.yaml', operations })

// The tables of the lab that the project is for.
const services = {
  traefik: 443,
  postgresql: 5432,
  redis: 6379,
  cloudflared: undefined,
  prometheus: 9090,
  grafana: 3000,
  plex: 32400,
  jellyfin: 8096,
  radarr: 7878,
  sonarr: 8989,
  prowlarr: 9696,
  qbittorrent: 8080,
  immich: 2283,
  nextcloud: 443,
  n8n: 5678,
  vaultwarden: 80,
}

test('the example holds every service of the lab with its port, each on a guest of its own', () => {
  expect(Object.fromEntries(inventory.services.map(({ name, port }) => [name, port]))).toEqual(services)
  expect(new Set(inventory.services.map((entry) => entry.guest)).size).toBe(16)
  expect(Object.groupBy(inventory.services, (entry) => entry.stack)).toMatchObject({
    core: { length: 4 },
    monitoring: { length: 2 },
    media: { length: 6 },
    apps: { length: 4 },
  })
})

test("every service of the example is the catalogue's, and its health is asked as the catalogue would", () => {
  expect(inventory.services.map((entry) => entry.kind).toSorted()).toEqual(
    knownServices.map((known) => known.name).toSorted(),
  )
  for (const entry of inventory.services) {
    const target = { name: entry.name, guest: guest(Number(entry.guest), entry.name), dependents: [] }
    const asked = questionFor({ ...target, service: entry })
    expect(asked, entry.name).toBeDefined()
    expect(asked, entry.name).toMatchObject(plain(questionFor(target)))
  }
})

// Their judges are made anew for each question.
const plain = (question: ReturnType<typeof questionFor>) =>
  JSON.parse(JSON.stringify(question ?? {})) as object

test('the example holds both storages, the backup table, the network table and people', () => {
  expect(inventory.storages.map(({ name, size, layout }) => [name, size, layout?.length])).toEqual([
    ['tesla', 1e12, 6],
    ['apollo', 48e12, 5],
  ])
  expect(inventory.backups.map(({ title, method, to }) => [title, method, to])).toEqual([
    ['PostgreSQL', 'pg_dump', ['b2']],
    ['LXC configs', 'vzdump', ['local', 'b2']],
    ['Photos', 'restic', ['b2']],
    ['Nextcloud files', 'restic', ['b2']],
  ])
  expect(inventory.network.routes.map(({ hostname, service }) => [hostname, service])).toEqual([
    ['plex.harmeetrai.com', 'plex'],
    ['jellyfin.harmeetrai.com', 'jellyfin'],
    ['immich.harmeetrai.com', 'immich'],
    ['nextcloud.harmeetrai.com', 'nextcloud'],
    ['n8n.harmeetrai.com', 'n8n'],
    ['grafana.harmeetrai.com', 'grafana'],
    ['vault.harmeetrai.com', 'vaultwarden'],
  ])
  expect(inventory.people.map(({ role }) => role)).toEqual(['admin', 'operator', 'viewer'])
  expect(inventory.channels.map(({ name, ops }) => [name, ops])).toEqual([
    ['ops', true],
    ['family', false],
    ['media', false],
  ])
  expect(inventory.approve.map(({ by, delayMs }) => [by, delayMs])).toEqual([
    [['second-person', 'other-platform'], undefined],
    [['delay'], 600_000],
  ])
})

test('editors find the schema, and it is the one of this version', () => {
  expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./homelab.schema.json')
  expect(read('homelab.schema.json'), 'run: node scripts/schema.ts').toBe(inventoryJsonSchema())
})

test('what the program accepts, the schema for editors accepts, and it refuses mistyped keys', () => {
  const schema = z.fromJSONSchema(JSON.parse(inventoryJsonSchema()) as z.core.JSONSchema.JSONSchema)
  const example = parse(text) as { services: Record<string, object> }
  expect(schema.safeParse(example)).toMatchObject({ success: true })
  expect(schema.safeParse({ ...example, servces: {} })).toMatchObject({ success: false })
  expect(schema.safeParse({ services: { plex: { gest: 110 } } })).toMatchObject({ success: false })
  expect(schema.safeParse({ services: { plex: null } })).toMatchObject({ success: true })
})

test('every key of the file is explained in the documentation', () => {
  const docs = read('docs/configuration.md')
  const keys = new Set<string>()
  const collect = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(collect)
    if (typeof node !== 'object' || node === null) return
    if ('properties' in node) for (const key of Object.keys(node.properties as object)) keys.add(key)
    Object.values(node).forEach(collect)
  }
  collect(JSON.parse(inventoryJsonSchema()))
  expect([...keys].filter((key) => !docs.includes(`\`${key}`))).toEqual([])
})
