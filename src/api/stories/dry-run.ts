/** `POST /stories?dry_run=true`: everything a create would refuse, and how long the story may take. Writes nothing. */
import type { Context } from 'hono'
import type { z } from 'zod'
import type { DryRun, PostedStory } from '../../../contract/character.ts'
import { mentionsIn } from '../../../contract/frame-cast.ts'
import { estimate } from '../../db/queue/outlook.ts'
import type { AppEnv } from '../http/app-env.ts'
import { invalid } from '../http/problems.ts'
import { parseCancelAfter } from './cancel-after.ts'
import { validateStory } from './validate.ts'
import { storyWarnings } from './warnings.ts'

export async function dryRun(c: Context<AppEnv>, posted: PostedStory): Promise<z.infer<typeof DryRun>> {
  parseCancelAfter(c.req.header('cancel-after'))
  const valid = await validateStory(c, posted)
  if ('faults' in valid) throw invalid(valid.faults)
  const { request, model, announced } = valid
  const frames = request.frames.length
  return {
    dry_run: true,
    model,
    characters: request.characters.map(({ id }) => id),
    frames,
    mentions: mentionsIn(request),
    estimated_seconds: announced?.present === 0 ? null : await estimate(c.var.db, model, frames),
    warnings: await storyWarnings(c, request, model),
  }
}
