/** Installs the n8n of the end-to-end suite, which takes minutes: for who wants it there before the suite begins. */
import { installEngine } from './support/n8n/harness.ts'
import { installN8n } from './support/n8n-real/install.ts'

process.stdout.write(`${installN8n().bin}\n`)
installEngine()
