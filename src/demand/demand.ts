/** How many runners are wanted: for each model, as many as serve what waits within the target wait. */
import type { Demand } from '../../contract/demand.ts'
import type { Db } from '../db/client.ts'
import { type ModelLoad, queueLoad } from '../db/queue/demand.ts'
import type { Settings } from '../platform/env.ts'

export type DemandSettings = Pick<Settings, 'MAX_RUNNERS' | 'TARGET_WAIT_SECONDS'>

export async function readDemand(db: Db, settings: DemandSettings, now: number): Promise<Demand> {
  const { models, oldest } = await queueLoad(db, now)
  return demandOf(models, oldest === null ? 0 : Math.max(0, now - oldest) / 1000, settings)
}

export function demandOf(loads: ModelLoad[], oldestSeconds: number, settings: DemandSettings): Demand {
  const models = loads.map((load) => ({
    model: load.model,
    queued: load.queued,
    running: load.running,
    runners: load.runners,
    seconds_per_frame: load.secondsPerFrame,
    wanted: Math.min(settings.MAX_RUNNERS, wantedFor(load, settings.TARGET_WAIT_SECONDS)),
  }))
  const total = (name: 'queued' | 'running' | 'runners' | 'wanted') => models.reduce((sum, one) => sum + one[name], 0)
  return {
    queued: total('queued'),
    running: total('running'),
    oldest_seconds: oldestSeconds,
    runners: total('runners'),
    wanted: Math.min(settings.MAX_RUNNERS, total('wanted')),
    models,
  }
}

/** One, as long as it is not known how long a story takes. A runner has one story at a time. */
function wantedFor({ queued, running, secondsPerStory }: ModelLoad, targetSeconds: number): number {
  const byTime = Math.ceil(((queued + running) * (secondsPerStory ?? 0)) / targetSeconds)
  return Math.max(running, byTime, queued > 0 ? 1 : 0)
}
