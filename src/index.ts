/** The Worker: `wrangler.toml` names its bindings. */
import type { ExecutionContext, ScheduledController } from '@cloudflare/workers-types'
import { createApp } from './api/app.ts'
import type { Bindings } from './platform/env.ts'
import { everyMinute } from './upkeep/every-minute.ts'

export { RunnerContainer } from './demand/container.ts'
export { Waker } from './demand/waker.ts'
export { Agenda } from './durable/agenda.ts'
export { ClaimRoom } from './durable/claim-room.ts'
export { Meter } from './durable/meter.ts'
export { StoryRoom } from './durable/story-room.ts'
export { WebhookSender } from './durable/webhook-sender.ts'

const app = createApp()

export default {
  fetch: app.fetch,
  scheduled: (_controller: ScheduledController, env: Bindings, ctx: ExecutionContext) => {
    ctx.waitUntil(everyMinute(env))
  },
}
