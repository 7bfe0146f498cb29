export { createK3s } from './client.ts'
