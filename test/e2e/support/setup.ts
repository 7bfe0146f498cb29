/** Once for the whole suite, before its files run beside each other: what they share is installed, built and packed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installEngine, packedIn, packPackage } from './n8n/harness.ts'
import { installN8n } from './n8n-real/install.ts'

export default function setup(): () => void {
  installN8n()
  installEngine()
  const folder = mkdtempSync(join(tmpdir(), 'homelab-n8n-package-'))
  process.env[packedIn] = packPackage(folder)
  return () => rmSync(folder, { recursive: true, force: true })
}
