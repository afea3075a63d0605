/** Settings of how runners are started when there is work for them. */
import { z } from 'zod'

const list = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((one) => one.trim() || []))

export const wakeSettings = {
  /** What starts runners; without it, nothing does. */
  WAKE: z.enum(['webhook', 'runpod', 'fly', 'containers'], 'webhook, runpod, fly or containers').optional(),
  MAX_RUNNERS: z.coerce.number().int().positive().default(1),
  /** Within which what waits is to be served. */
  TARGET_WAIT_SECONDS: z.coerce.number().positive().default(60),
  /** From the call that starts a runner to its first word, before that has been measured. */
  COLD_START_SECONDS: z.coerce.number().positive().default(60),
  WAKE_URL: z
    .url({ protocol: /^https?$/, error: 'the URL that is told, such as https://starter.example.com/wake' })
    .optional(),
  WAKE_SECRET: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/, 'whsec_ and standard base64 of at least 24 bytes')
    .optional(),
  RUNPOD_API_KEY: z.string().min(1).optional(),
  /** Ids, with commas. */
  RUNPOD_PODS: list,
  FLY_API_TOKEN: z.string().min(1).optional(),
  FLY_APP: z.string().min(1).optional(),
  /** Ids, with commas. */
  FLY_MACHINES: list,
  /** What becomes of machines that are not wanted. */
  FLY_REST: z.enum(['stop', 'suspend'], 'stop or suspend').default('stop'),
}

const needed = {
  webhook: ['WAKE_URL', 'WAKE_SECRET'],
  runpod: ['RUNPOD_API_KEY', 'RUNPOD_PODS'],
  fly: ['FLY_API_TOKEN', 'FLY_APP', 'FLY_MACHINES'],
  containers: ['PUBLIC_URL'],
} as const

/** What is missing of what WAKE needs, a line each. */
export function missingForWake(settings: { WAKE?: keyof typeof needed | undefined }): string[] {
  if (settings.WAKE === undefined) return []
  const given = new Map(Object.entries(settings))
  const isMissing = (name: string) => {
    const value: unknown = given.get(name)
    return value === undefined || (Array.isArray(value) && value.length === 0)
  }
  return needed[settings.WAKE].filter(isMissing).map((name) => `${name}: required with WAKE=${settings.WAKE}`)
}
