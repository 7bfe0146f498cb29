/** What the editor calls while one fills in the node. Apart from it: a list is there before the operations are loaded. */
import { sshHostTest } from '../../src/backup/credential-tests.ts'
import { searchGuests, searchNodes, searchStorages } from '../../src/search.ts'

export const methods = {
  listSearch: { searchGuests, searchNodes, searchStorages },
  credentialTest: { sshHostTest },
}
