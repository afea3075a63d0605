/** What the Worker is given: bindings and settings, and the clock, randomness and network that it works with. */
import type { D1Database, DurableObjectNamespace, Fetcher, R2Bucket } from '@cloudflare/workers-types'
import { z } from 'zod'
import { missingForWake, wakeSettings } from './wake-settings.ts'

/** Values with commas between them. */
function oneOrMore(one: z.ZodString) {
  return z
    .string()
    .transform((list) => list.split(',').map((text) => text.trim()))
    .pipe(z.tuple([one], one))
}

export const Settings = z.object({
  /** Bearer token of the runners. Several, with commas, while runners change over from one to the next. */
  RUNNER_TOKEN: oneOrMore(z.string().min(16, 'at least 16 characters')),
  /** Signs the events of the runners; `whsec_` and standard base64. Several, with commas. */
  RUNNER_WEBHOOK_SECRET: oneOrMore(
    z.string().regex(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/, 'whsec_ and standard base64 of at least 24 bytes'),
  ),
  /** Names of the models that stories may ask for, with commas; the first serves those that ask for none. */
  MODELS: z
    .string()
    .default('story-mini')
    .transform((names) => names.split(',').map((name) => name.trim()))
    .pipe(z.tuple([z.string().min(1)], z.string().min(1))),
  /** How long a runner holds a story without a heartbeat. */
  LEASE_SECONDS: z.coerce.number().positive().default(30),
  /** `1` lets webhooks go to plain http and private addresses; for a machine of one's own. */
  ALLOW_INSECURE_WEBHOOKS: z.stringFormat('flag', /^[01]$/).default('0'),
  /** Scheme and host of the links in views. Required outside localhost, where the default is that of the request. */
  PUBLIC_URL: z.url().optional(),
  /** Bearer token of `/metrics`; without it there is no such route. */
  METRICS_TOKEN: oneOrMore(z.string().min(16, 'at least 16 characters')).optional(),
  /** `1` writes a line of JSON for each request. */
  LOG_REQUESTS: z.stringFormat('flag', /^[01]$/).default('0'),
  /** Signs links that need no API key. Several, with commas: the first signs, and links of the others stay open. */
  URL_SECRET: oneOrMore(z.string().min(32, 'at least 32 characters')),
  /** Requests a minute of one API key that change something (unless the key has a limit of its own), and that read. */
  RATE_LIMIT_CREATE: z.coerce.number().int().positive().default(600),
  RATE_LIMIT_READ: z.coerce.number().int().positive().default(60_000),
  /** Requests a minute by signed links to one story or file. */
  RATE_LIMIT_LINK: z.coerce.number().int().positive().default(6_000),
  /** Requests a minute of one address (of IPv6: one /64) whose credential is missing or wrong. */
  RATE_LIMIT_UNAUTHENTICATED: z.coerce.number().int().positive().default(120),
  ...wakeSettings,
})
export type Settings = z.infer<typeof Settings>

export interface Bindings extends Record<keyof z.input<typeof Settings>, string | undefined> {
  DB: D1Database
  IMAGES: R2Bucket
  /** One object for each lane of webhooks: `WebhookSender`. */
  SENDERS: DurableObjectNamespace
  /** The one object that adds up metrics: `Meter`. */
  METER: DurableObjectNamespace
  /** Objects in which those wait who follow a story: `StoryRoom`. */
  ROOMS: DurableObjectNamespace
  /** Objects in which runners wait for stories, one for each model: `ClaimRoom`. */
  CLAIMS: DurableObjectNamespace
  /** The one object that knows whether upkeep has anything to do: `Agenda`. */
  AGENDA: DurableObjectNamespace
  /** The one object that starts runners: `Waker`. */
  WAKER: DurableObjectNamespace
  /** Containers that are runners: `RunnerContainer`. Only where WAKE is `containers`. */
  CONTAINERS?: DurableObjectNamespace
  /** The files of `web/build.ts`. */
  ASSETS: Fetcher
  /** Exchanges the token of a sign-in link for an API key, once; only on a machine of one's own. */
  SIGN_IN?: Fetcher
}

export interface Tools {
  now: () => number
  randomBytes: (count: number) => Uint8Array
  fetch: (url: string, init: RequestInit) => Promise<Response>
}

export const systemTools: Tools = {
  now: () => Date.now(),
  randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  fetch: (url, init) => fetch(url, init),
}

/** A setting that is missing or malformed. The message names it, and what is expected, but not its value. */
export class SettingsError extends Error {
  override name = 'SettingsError'
}

/** Throws `SettingsError`. */
export function readSettings(env: Bindings): Settings {
  const parsed = Settings.safeParse(env)
  const wrong = parsed.success
    ? missingForWake(parsed.data)
    : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  if (parsed.success && wrong.length === 0) return parsed.data
  throw new SettingsError(`settings of the edge: ${wrong.join('; ')}`)
}
