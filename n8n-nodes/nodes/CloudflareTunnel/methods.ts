/** What the editor calls while one fills in the node. Apart from it: a list is there before the operations are loaded. */
import { searchTunnels } from '../../src/cloudflare/search.ts'

export const methods = { listSearch: { searchTunnels } }
