/** What is accepted in a story, and likely not what was meant. */
import type { Context } from 'hono'
import { castWarnings } from '../../../contract/frame-cast.ts'
import { modelWarnings } from '../../../contract/model.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import type { AnnouncedModel } from '../../db/runners/list.ts'
import type { AppEnv } from '../http/app-env.ts'
import { servedModels } from '../http/served-models.ts'
import { webhookWarnings } from '../webhooks/warnings.ts'

export async function storyWarnings(c: Context<AppEnv>, request: StoryRequest, model: string): Promise<string[]> {
  const announced = (await servedModels(c)).find(({ name }) => name === model)?.announced
  return [
    ...castWarnings(request),
    ...(announced ? [...modelWarnings(announced, request), ...absence(announced)] : []),
    ...(await webhookWarnings(c, request.webhook)),
  ]
}

function absence({ name, present, lastSeenAt }: AnnouncedModel): string[] {
  if (present > 0) return []
  return [
    `/model: no runner serves ${name} now (last seen ${new Date(lastSeenAt).toISOString()}); the story waits for one`,
  ]
}
