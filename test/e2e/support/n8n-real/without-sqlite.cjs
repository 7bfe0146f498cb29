/**
 * n8n's AI nodes load SQLite's driver with all others that they might use. Its native part would have to be compiled; no test uses it.
 * n8n is started with this file before all else.
 */
const Module = require('node:module')

const load = Module._load
Module._load = function (request, ...more) {
  return request === 'sqlite3'
    ? { Database: class {}, verbose: () => ({}) }
    : load.call(this, request, ...more)
}
