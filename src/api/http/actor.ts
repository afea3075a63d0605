import type { Context } from 'hono'
import type { Actor } from '../../db/keys/audit.ts'
import type { AppEnv } from './app-env.ts'

/** Who asks, for the audit log. */
export const actorOf = (c: Context<AppEnv>): Actor => ({ actor: c.var.apiKey.id, requestId: c.var.requestId })
