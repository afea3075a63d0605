/** How long a story is going to be drawn for, by what others took. */
import { desc, eq } from 'drizzle-orm'
import type { Db } from './client.ts'
import { stories } from './schema.ts'

/** Stories of the API key that are looked at, whatever became of them: the index leads to these and no further. */
const LAST = 100

/**
 * Seconds for `frames` frames of `model`: the median time per frame of the API key's last stories that went well at the
 * first attempt, whatever their size and steps. Null when there is none.
 */
export async function estimateSeconds(db: Db, apiKeyId: string, model: string, frames: number): Promise<number | null> {
  const last = await db
    .select({
      model: stories.model,
      status: stories.status,
      attempt: stories.attempt,
      frameCount: stories.frameCount,
      startedAt: stories.startedAt,
      completedAt: stories.completedAt,
    })
    .from(stories)
    .where(eq(stories.apiKeyId, apiKeyId))
    .orderBy(desc(stories.createdAt), desc(stories.id))
    .limit(LAST)
  const perFrame = last
    .filter((story) => story.model === model && story.status === 'succeeded' && story.attempt === 1)
    .flatMap(({ startedAt, completedAt, frameCount }) =>
      startedAt === null || completedAt === null ? [] : (completedAt - startedAt) / 1000 / frameCount,
    )
    .sort((a, b) => a - b)
  const median = perFrame[perFrame.length >> 1]
  return median === undefined ? null : Math.round(median * frames * 1000) / 1000
}
