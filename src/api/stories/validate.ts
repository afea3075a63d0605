/** What only the edge can know to be wrong with a story: its model, its bank, its cast, where its URLs lead. */
import type { Context } from 'hono'
import type { PostedStory } from '../../../contract/character.ts'
import { impossibleFor } from '../../../contract/model.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import type { AnnouncedModel } from '../../db/runners/list.ts'
import { refuseUrl } from '../../platform/url-guard.ts'
import { refuseDataUri } from '../characters/reference-pictures.ts'
import type { AppEnv } from '../http/app-env.ts'
import type { Fault } from '../http/problems.ts'
import { servedModels, usualModel } from '../http/served-models.ts'
import { castOf } from './cast.ts'
import { type FoundBank, findBank } from './named-bank.ts'
import { tokenFaults } from './token-limits.ts'

/** A story that may be queued. */
export interface ValidStory {
  request: StoryRequest
  model: string
  /** As runners announced it; null where none has. */
  announced: AnnouncedModel | null
  bank: FoundBank | null
}

/** The story with its model, cast and bank put in, or what is wrong with it. Reads the database, writes nothing. */
export async function validateStory(
  c: Context<AppEnv>,
  posted: PostedStory,
): Promise<ValidStory | { faults: Fault[] }> {
  const { settings, db, apiKey } = c.var
  const bank = posted.bank && (await findBank(c, posted.bank))
  if (bank && 'faults' in bank) return bank
  const served = await servedModels(c)
  const model = posted.model ?? bank?.known?.model ?? usualModel(c, served)
  const announced = served.find(({ name }) => name === model)?.announced ?? null
  const faults = [
    ...modelFaults(
      posted,
      model,
      bank,
      served.map(({ name }) => name),
    ),
    ...(announced ? impossibleFor(announced, posted) : []),
    ...(c.var.clientToken ? tokenFaults(posted) : []),
    ...urlFaults(posted, settings.ALLOW_INSECURE_WEBHOOKS === '1'),
  ]
  if (faults.length > 0) return { faults }
  const cast = await castOf(db, posted, apiKey.id, bank)
  return 'faults' in cast ? cast : { request: cast.story, model, announced, bank }
}

/** A bank is only good for the model that made it. */
function modelFaults(posted: PostedStory, model: string, bank: FoundBank | null, served: readonly string[]): Fault[] {
  const madeBy = bank?.known?.model
  const unknown = `unknown model ${model}; served are ${served.join(', ')}`
  const foreign = `was made by the model ${madeBy}; the story is for ${model}`
  return [
    ...(served.includes(model) ? [] : [{ pointer: posted.model ? '/model' : '/bank', message: unknown }]),
    ...(madeBy === undefined || madeBy === model ? [] : [{ pointer: '/bank', message: foreign }]),
  ]
}

/** The URLs of a story that must not be requested, or that hold no picture, and why. */
function urlFaults({ webhook, characters, anchors }: PostedStory, allowInsecure: boolean): Fault[] {
  const references = characters.flatMap(({ references = [] }, i) =>
    references.map((url, j) => ({ pointer: `/characters/${i}/references/${j}`, url })),
  )
  const pictures = anchors.flatMap(({ picture }, i) =>
    picture === undefined ? [] : [{ pointer: `/anchors/${i}/picture`, url: picture }],
  )
  const urls = [...(webhook === null ? [] : [{ pointer: '/webhook', url: webhook }]), ...references, ...pictures]
  return urls.flatMap(({ pointer, url }) => {
    const message = url.startsWith('data:') ? refuseDataUri(url) : refuseUrl(url, allowInsecure)
    return message === undefined ? [] : [{ pointer, message }]
  })
}
