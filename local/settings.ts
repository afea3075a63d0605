/** What `npm start` and `npm run demo` read from their environment: settings of their own, of the edge, of the runner. */
import { resolve } from 'node:path'
import { z } from 'zod'
import { Settings as RunnerSettings } from '../gpu-runner/src/service/settings.ts'
import { Settings as EdgeSettings } from '../src/platform/env.ts'

export const LocalSettings = z.object({
  /** Where the edge listens, on 127.0.0.1; 0 for any free port. */
  PORT: z
    .string()
    .default('8787')
    .refine((text) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535, 'a number from 0 to 65535')
    .transform(Number),
  /** The folder of database, pictures and API key. */
  FABLEFRAME_DATA: z
    .string()
    .min(1)
    .default('.fableframe')
    .transform((path) => resolve(path)),
  /** The API key; without it, one is made and kept in the folder. */
  FABLEFRAME_API_KEY: z.string().optional(),
  /** Where `npm run demo` leaves its pictures. */
  FABLEFRAME_DEMO_OUT: z
    .string()
    .min(1)
    .default('out/demo')
    .transform((path) => resolve(path)),
})

/** Local stories start again sooner after a kill than those of runners across a network. */
const LEASE_SECONDS = '15'
const edgeNames = Object.keys(EdgeSettings.shape)
const known = new Set([...Object.keys(LocalSettings.shape), ...edgeNames, ...Object.keys(RunnerSettings.shape)])
/** Names that only we use: another one is a misspelt one. */
const ours = /^(FABLEFRAME|RATE_LIMIT)_/

export interface Environment {
  port: number
  dataDir: string
  demoOut: string
  apiKey: string | undefined
  /** The edge's settings, as strings. */
  edgeEnv: Record<string, string>
}

/** Throws an error of one line for each setting that is wrong or that nobody knows. Secrets of the edge may be missing. */
export function readEnvironment(env: Record<string, string | undefined>): Environment {
  const local = LocalSettings.safeParse(env)
  const given = Object.fromEntries(
    edgeNames.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const])),
  )
  const edge = EdgeSettings.partial().safeParse(given)
  const faults = [...(local.error?.issues ?? []), ...(edge.error?.issues ?? [])].map(
    ({ path: [name], message }) => `${String(name)}: ${message}`,
  )
  const unknown = Object.keys(env).filter((name) => ours.test(name) && !known.has(name))
  faults.push(...unknown.map((name) => `${name}: no such setting; there are ${namesLike(name)}`))
  if (!local.success || faults.length > 0) throw new Error(faults.join('\n'))
  const { PORT, FABLEFRAME_DATA, FABLEFRAME_API_KEY, FABLEFRAME_DEMO_OUT } = local.data
  return {
    port: PORT,
    dataDir: FABLEFRAME_DATA,
    demoOut: FABLEFRAME_DEMO_OUT,
    apiKey: FABLEFRAME_API_KEY,
    edgeEnv: { LEASE_SECONDS, ...given },
  }
}

export function environmentOrExit(): Environment {
  try {
    return readEnvironment(process.env)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  }
}

function namesLike(name: string): string {
  const prefix = ours.exec(name)?.[0] ?? ''
  return [...known]
    .filter((one) => one.startsWith(prefix))
    .sort()
    .join(', ')
}
