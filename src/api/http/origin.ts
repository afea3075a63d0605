import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'

/** Scheme and host that links begin with. */
export function originOf(c: Context<AppEnv>): string {
  return new URL(c.var.settings.PUBLIC_URL ?? c.req.url).origin
}
