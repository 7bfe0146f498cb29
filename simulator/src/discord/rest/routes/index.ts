import type { Route } from '../route.ts'
import { channelRoutes } from './channels.ts'
import { commandRoutes } from './commands.ts'
import { interactionRoutes } from './interactions.ts'
import { messageRoutes } from './messages.ts'
import { serverRoutes } from './server.ts'
import { threadRoutes } from './threads.ts'

export const routes: readonly Route[] = [
  ...serverRoutes,
  ...channelRoutes,
  ...messageRoutes,
  ...threadRoutes,
  ...commandRoutes,
  ...interactionRoutes,
]
