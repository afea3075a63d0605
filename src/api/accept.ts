/** Taking a story into the queue: the same rules and the same row, whichever route it came by. */
import type { Context } from 'hono'
import type { StoryRequest } from '../../contract/story.ts'
import type { StoredPrediction, StoryRow } from '../db/schema.ts'
import { enqueue } from '../db/stories.ts'
import type { AppEnv } from './env.ts'
import { newStoryId } from './keys.ts'
import { invalid } from './problems.ts'
import { refuseWebhook } from './url-guard.ts'

/**
 * Queue a story of the key that is asking. Throws `validation` for a model that is not served or an unfit webhook.
 *
 * @param prediction what Replicate's wire has to show again.
 */
export async function accept(
  c: Context<AppEnv>,
  request: StoryRequest,
  prediction?: StoredPrediction,
): Promise<StoryRow> {
  const { settings, tools, db, apiKey } = c.var
  const model = request.model ?? settings.MODELS[0]
  if (!settings.MODELS.includes(model))
    throw invalid([{ pointer: '/model', message: `unknown model ${model}; served are ${settings.MODELS.join(', ')}` }])
  const refusal = request.webhook && refuseWebhook(request.webhook, settings.ALLOW_INSECURE_WEBHOOKS === '1')
  if (refusal) throw invalid([{ pointer: '/webhook', message: refusal }])
  const seed = request.seed ?? new DataView(tools.randomBytes(4).buffer).getUint32(0)
  const id = newStoryId(tools.randomBytes)
  const row = { id, apiKeyId: apiKey.id, request, model, seed, origin: originOf(c), prediction }
  return enqueue(db, row, tools.now())
}

/** Scheme and host that links begin with. */
export function originOf(c: Context<AppEnv>): string {
  return new URL(c.var.settings.PUBLIC_URL ?? c.req.url).origin
}
