/** What is accepted in a story, and likely not what was meant. */
import type { Context } from 'hono'
import { castWarnings } from '../../../contract/frame-cast.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import type { AppEnv } from '../http/app-env.ts'
import { webhookWarnings } from '../webhooks/warnings.ts'

export async function storyWarnings(c: Context<AppEnv>, request: StoryRequest): Promise<string[]> {
  return [...castWarnings(request), ...(await webhookWarnings(c, request.webhook))]
}
