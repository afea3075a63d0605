/** What is accepted in a story, and likely not what was meant. */
import type { Context } from 'hono'
import { unseenIn } from '../../../contract/mentions.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import type { AppEnv } from '../http/app-env.ts'
import { webhookWarnings } from '../webhooks/warnings.ts'

export async function storyWarnings(c: Context<AppEnv>, request: StoryRequest): Promise<string[]> {
  return [...castWarnings(request), ...(await webhookWarnings(c, request.webhook))]
}

/** A story with a bank has its cast from there, whose others may well be left out. */
function castWarnings(request: StoryRequest): string[] {
  if (request.bank !== null) return []
  return unseenIn(request).map((c) => {
    const { id, name } = request.characters[c]!
    return `/characters/${c}: ${name} is in no frame; a prompt must name ${name}, or a frame list ${id} in its characters`
  })
}
