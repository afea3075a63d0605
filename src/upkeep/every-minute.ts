/**
 * What happens once a minute, whether or not anybody asks: stories whose time has come, webhooks that are due, and the
 * end of what is kept no longer. Each task is bounded, so that a run stays within the 1,000 queries that D1 allows a
 * Worker, and none depends on another: what one cannot do, the rest does not wait for. Nothing is done, and D1 is asked
 * nothing, while the agenda knows of nothing to do.
 */

import { forgetExpiredFiles } from '../db/characters/files.ts'
import { forgetPictures } from '../db/characters/pictures.ts'
import { type Db, openDb } from '../db/client.ts'
import { forgetIdempotencyKeys } from '../db/idempotency.ts'
import { nextUpkeep } from '../db/next-upkeep.ts'
import { forgetMessages } from '../db/queue/messages.ts'
import { dueStories, endWaitsOfTheFuture, sweep } from '../db/queue/sweep.ts'
import { forgetRunners } from '../db/runners/list.ts'
import { expiredStories, removeContent, storiesWithUnknownFiles } from '../db/stories/removal.ts'
import { dueLanes } from '../db/webhooks/deliveries.ts'
import { forgetProgress } from '../db/webhooks/log.ts'
import { wantRunners } from '../demand/waker.ts'
import { isUpkeepDue, settleUpkeep } from '../durable/agenda.ts'
import { announceAll, wakeSenders } from '../durable/announce.ts'
import { wakeRunnersFor, wakeRunnersForAll } from '../durable/claim-waiting.ts'
import { count } from '../durable/meter.ts'
import { type Bindings, readSettings, systemTools, type Tools } from '../platform/env.ts'
import { logError } from '../platform/log.ts'
import { deleteDueObjects, deleteStoryObjects } from './objects.ts'

/** Copies of a runner's event older than this no longer pass the age check of its signature. */
const REMEMBER_MS = 15 * 60_000
/** How long webhooks of progress are in the log. */
const KEEP_PROGRESS_MS = 3_600_000
/** Sweeps of the queue, each of up to 100 stories. */
const SWEEPS = 25
/** Stories that are erased at once, and how often: 6,000 a minute, ten times what one API key may create. */
const ERASED_AT_ONCE = 500
const ERASURES = 12
const FILES_AT_ONCE = 5000
/** Stories of older databases whose objects have to be listed. */
const LISTED = 20

const TASKS: Record<string, (env: Bindings, db: Db, tools: Tools) => Promise<unknown>> = {
  clock: (env, db, tools) => endWaitsOfTheFuture(db, readSettings(env).LEASE_SECONDS * 1000, tools.now()),
  queue: sweepQueue,
  claims: async (env, db, tools) => {
    if ((await wakeRunnersForAll(env, db)) > 0) await wantRunners(env, tools.now())
  },
  webhooks: async (env, db, tools) => wakeSenders(env, await dueLanes(db, tools.now())),
  stories: eraseStories,
  files: (_, db, tools) => forgetExpiredFiles(db, tools.now(), FILES_AT_ONCE),
  references: (_, db, tools) => forgetPictures(db, tools.now()),
  objects: (env, db, tools) => deleteDueObjects(env, db, tools.now()),
  progress: (_, db, tools) => forgetProgress(db, tools.now() - KEEP_PROGRESS_MS),
  messages: (_, db, tools) => forgetMessages(db, tools.now() - REMEMBER_MS),
  idempotency: (_, db, tools) => forgetIdempotencyKeys(db, tools.now()),
  runners: (_, db, tools) => forgetRunners(db, tools.now()),
}

export async function everyMinute(env: Bindings, tools: Tools = systemTools): Promise<void> {
  if (!(await isUpkeepDue(env, tools.now()))) return
  const db = openDb(env.DB)
  let next = await whenDue(db)
  if (next <= tools.now()) next = (await runTasks(env, db, tools)) ? await whenDue(db) : 0
  await settleUpkeep(env, next, tools.now())
}

/** When there is something to do; at once, if that cannot be told. */
async function whenDue(db: Db): Promise<number> {
  try {
    const next = await nextUpkeep(db, { messages: REMEMBER_MS, progress: KEEP_PROGRESS_MS })
    return next ?? Number.MAX_SAFE_INTEGER
  } catch (error) {
    logError('upkeep', error, { task: 'agenda' })
    return 0
  }
}

/** False when one has failed. */
async function runTasks(env: Bindings, db: Db, tools: Tools): Promise<boolean> {
  let areDone = true
  for (const [task, run] of Object.entries(TASKS)) {
    try {
      await run(env, db, tools)
    } catch (error) {
      areDone = false
      count('upkeep_failures', { task })
      logError('upkeep', error, { task })
    }
  }
  return areDone
}

async function sweepQueue(env: Bindings, db: Db, tools: Tools): Promise<void> {
  for (let sweeps = 0; sweeps < SWEEPS; sweeps++) {
    const due = await dueStories(db, tools.now())
    if (due.length === 0) return
    const changed = await sweep(db, due, tools.now())
    await announceAll(env, db, tools.now(), changed)
    await wakeRunnersFor(env, db, changed)
  }
}

async function eraseStories(env: Bindings, db: Db, tools: Tools): Promise<void> {
  for (let erasures = 0; erasures < ERASURES; erasures++) {
    const ids = await expiredStories(db, tools.now(), ERASED_AT_ONCE)
    if (ids.length === 0) break
    await removeContent(db, ids, tools.now())
  }
  for (const id of await storiesWithUnknownFiles(db, LISTED)) await deleteStoryObjects(env, db, id, tools.now())
}
