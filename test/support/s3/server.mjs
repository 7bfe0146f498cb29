// `node server.mjs FOLDER MODULES CERTIFICATE KEY [PORT]`: s3rver on loopback, with one bucket, `backups`. It prints its port.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const [directory, modules, cert, key, port = '0'] = process.argv.slice(2)
const S3rver = createRequire(modules)('s3rver')
const server = new S3rver({
  address: '127.0.0.1',
  port: Number(port),
  cert: readFileSync(cert),
  key: readFileSync(key),
  directory,
  configureBuckets: [{ name: 'backups' }],
  silent: true,
})
const { port: listening } = await server.run()
process.stdout.write(`listening on ${listening}\n`)
process.once('SIGTERM', () => process.exit(0))
