/** What a client token may still create. */
import type { PostedStory } from '../../../contract/character.ts'
import type { Db } from '../../db/client.ts'
import { type TokenLimits, usedBy } from '../../db/queue/enqueue-for-token.ts'
import type { ClientToken } from '../../platform/client-token.ts'
import { type Fault, TokenLimitError } from '../http/problems.ts'

/** Throws `token-limit` for a token that follows a story; `requireApiKeyOrToken` has refused that before. */
export function limitsOf({ id, generation, grant }: ClientToken): TokenLimits {
  if ('story' in grant) throw new TokenLimitError('story', `the client token follows the story ${grant.story}`)
  return { id, generation, ...grant }
}

/** Throws `token-limit` when a story of so many frames is beyond what is left. The insert of the story checks again. */
export async function requireTokenRoom(db: Db, { id, ...most }: TokenLimits, frames: number): Promise<void> {
  const used = await usedBy(db, id)
  if (used.stories >= most.stories)
    throw new TokenLimitError(
      'stories',
      `the client token has created ${used.stories} of the ${most.stories} stories that it may`,
    )
  if (used.frames + frames > most.frames)
    throw new TokenLimitError(
      'frames',
      `${frames} frames are more than the client token has left: ${most.frames - used.frames} of ${most.frames}`,
    )
}

/** What a story says that its app decides, and not who holds a token of it. */
export function tokenFaults({ webhook, priority }: PostedStory): Fault[] {
  const message = 'takes an API key: a client token cannot set it'
  return [
    ...(webhook === null ? [] : [{ pointer: '/webhook', message }]),
    ...(priority === 'high' ? [{ pointer: '/priority', message }] : []),
  ]
}
