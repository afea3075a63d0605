/** What is accepted about a webhook, and likely not what was meant. */
import type { Context } from 'hono'
import { goneSince } from '../../db/webhooks/endpoint.ts'
import type { AppEnv } from '../http/app-env.ts'

export async function webhookWarnings(c: Context<AppEnv>, webhook: string | null): Promise<string[]> {
  if (webhook === null) return []
  const gone = await goneSince(c.var.db, c.var.apiKey.id, webhook)
  return [
    ...(webhook.startsWith('https:') ? [] : ['webhook: plain http, so anyone on the way can read the messages']),
    ...(gone === undefined
      ? []
      : [`webhook: answered 410 Gone at ${new Date(gone).toISOString()}; nothing is sent there until a ping succeeds`]),
  ]
}
