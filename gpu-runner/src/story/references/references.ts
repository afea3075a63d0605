/**
 * Reference pictures of a story's characters as identity tokens: each is cut out, and then the whole and its face, upper
 * and lower body go through the image encoder.
 */
import { regionNames } from '../../../../contract/prompts/body-regions.ts'
import { nounPhrase } from '../../../../contract/prompts/description.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { plainReference, type Reference, wholePicture } from './cut-out.ts'
import type { CharacterReferences } from './id-injector.ts'
import { fitted, readPicture } from './picture-input.ts'
import { cutByPrompt } from './prompt-guided-segmentation.ts'

/** Side in pixels of a reference that is cut out. */
const side = 128

export interface PreparedReferences {
  readonly tokens: Float32Array[]
  /** By place in the cast. */
  readonly cast: (CharacterReferences | undefined)[]
}

export interface ReferenceOptions {
  /** Bytes of the pictures that the request names by URL. */
  readonly pictures?: Readonly<Record<string, Uint8Array>> | undefined
  readonly regions: boolean
  /** Show the encoder pictures as they are, with their backgrounds. */
  readonly uncut?: boolean | undefined
  readonly signal: AbortSignal
}

/** Null where no character has references, or the model cannot use them. Throws `StoryRejected` for what is no picture. */
export async function prepareReferences(
  pipeline: Pipeline,
  { characters }: Pick<StoryRequest, 'characters'>,
  { pictures, regions, uncut = false, signal }: ReferenceOptions,
): Promise<PreparedReferences | null> {
  const { identity } = pipeline
  if (!identity || characters.every(({ references }) => !references?.length)) return null
  const planes: Float32Array[] = []
  const add = (reference: Reference, region: 'whole' | number) =>
    planes.push(plainReference(reference, region, identity.side)) - 1
  const cast: PreparedReferences['cast'] = []
  for (const [c, { name, description, references = [] }] of characters.entries()) {
    signal.throwIfAborted()
    const own = { whole: [] as number[], regions: regionNames.map((): number[] => []) }
    for (const [i, source] of references.entries()) {
      const picture = await fitted(await readPicture(source, pictures, `/characters/${c}/references/${i}`), side, side)
      const reference = uncut
        ? wholePicture(picture)
        : await cutByPrompt(pipeline, picture, nounPhrase(description, name), regions)
      own.whole.push(add(reference, 'whole'))
      if (regions) for (const [g, box] of reference.parts.entries()) if (box) own.regions[g]!.push(add(reference, g))
    }
    cast.push(references.length > 0 ? own : undefined)
  }
  return { tokens: await identity.encode(planes), cast }
}
