/**
 * Anchors that a story begins with: those of its bank, and pictures that somebody handed over. Of the bank, those that
 * the story's settings allow are sampled again, from seed and prompt, which is exact; all others are noised to the level
 * of each step.
 */
import type { BankAnchor } from '../../../../contract/bank.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import { derivedSeed } from '../../engine/diffusion/noise.ts'
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { nounPhrase } from '../plan/description.ts'
import type { PromptSegment } from '../plan/prompt-segment.ts'
import { describe } from '../plan/prompts.ts'
import { plainBackground } from '../references/foreground.ts'
import { fitted, planesOf, promptMaps, readPicture } from '../references/references.ts'
import { characterMasks, coarser, type FrameMasks } from '../sharing/masks.ts'
import type { SynchronizerRow } from '../sharing/synchronizer.ts'
import { StoryRejected } from '../types.ts'
import { asKept, type Bank } from './bank.ts'

/** A frame of the story, or an anchor beside it. */
export interface StoryRow extends SynchronizerRow {
  /** `character` is the place in the story's cast. */
  readonly prompt: readonly PromptSegment[]
  /** Clean latents [C,h,w] of one that is noised rather than sampled. */
  readonly latent?: Float32Array | undefined
}

/** One that a bank can keep; `masks` by place in the story's cast. */
export interface Anchor extends StoryRow {
  readonly kept: { readonly anchor: BankAnchor; readonly latent: Float32Array; readonly masks: FrameMasks }
}

type Cast = StoryRequest['characters']

/** `repeat`: whether anchors that were sampled can be sampled again. */
export function bankAnchors({ header, latents, masks }: Bank, cast: Cast, repeat: boolean): Anchor[] {
  const place = new Map(cast.map(({ id }, c) => [id, c]))
  return header.anchors.map((anchor, i): Anchor => {
    const { seed, generation, shows, sampled } = anchor
    const own = cast.map(({ id }) => masks[i]![header.cast.findIndex((character) => character.id === id)] ?? null)
    return {
      ...{ seed, generation, shows: cast.map(({ id }) => shows.includes(id)) },
      prompt: anchor.prompt.map(({ text, character, region }) => ({
        text,
        ...(character !== undefined && { character: place.get(character)! }),
        ...(region !== undefined && { region }),
      })),
      ...given(!(repeat && sampled), latents[i]!, own),
      kept: { anchor, latent: latents[i]!, masks: own },
    }
  })
}

const given = (isGiven: boolean, latent: Float32Array, masks: FrameMasks) =>
  isGiven ? { isGiven, latent, masks } : { isGiven }

export interface PictureOptions {
  /** Of all pictures that the story names by URL. */
  readonly pictures?: Readonly<Record<string, Uint8Array>> | undefined
  /** Of the story. */
  readonly seed: number
  readonly generation: number
  readonly size: { readonly width: number; readonly height: number }
  /** Of the latents. */
  readonly grid: Grid
  readonly signal: AbortSignal
}

/** Throws `StoryRejected` for what is no picture. */
export async function pictureAnchors(
  pipeline: Pipeline,
  { characters: cast, anchors }: Pick<StoryRequest, 'characters' | 'anchors'>,
  { pictures, seed, generation, size: { width, height }, grid, signal }: PictureOptions,
): Promise<Anchor[]> {
  const { autoencoder } = pipeline
  const made: Anchor[] = []
  for (const [a, { character, picture: named }] of anchors.entries()) {
    signal.throwIfAborted()
    const c = cast.findIndex(({ id }) => id === character)
    const { name, description, references } = cast[c]!
    const phrase = nounPhrase(description, name)
    const source = named ?? references?.[0]
    if (source === undefined) throw new StoryRejected(`/anchors/${a}/picture: ${character} has no references`)
    const picture = await fitted(await readPicture(source, pictures, `/anchors/${a}/picture`), width, height)
    const shape = [1, autoencoder.latentChannels, grid.height, grid.width]
    const still = { data: new Float32Array(autoencoder.latentChannels * grid.height * grid.width), shape }
    const encoded = await autoencoder.encode(planesOf(picture), still)
    const latent = asKept(encoded.data as Float32Array)
    const mask = await maskOf()
    const masks = cast.map((_, place) => (place === c ? mask : null))
    const prompt = describe(phrase, c)
    const own = derivedSeed(seed, -1 - a)
    made.push({
      ...{ seed: own, generation, prompt, latent, isGiven: true },
      shows: cast.map((_, place) => place === c),
      masks,
      kept: {
        anchor: {
          ...{ seed: own, generation, sampled: false, shows: [character] },
          prompt: writtenPrompt(prompt, cast),
        },
        ...{ latent, masks },
      },
    })

    async function maskOf(): Promise<Uint8Array> {
      const plain = plainBackground(picture)
      if (plain)
        return coarser(
          plain.map((value) => Number(value > 127)),
          { width, height },
          grid,
        )
      const maps = await promptMaps(pipeline, picture, phrase)
      return characterMasks([maps.character], maps.from, grid)[0] ?? new Uint8Array(grid.width * grid.height).fill(1)
    }
  }
  return made
}

/** A prompt as a bank has it: with the ids of characters. */
export function writtenPrompt(prompt: readonly PromptSegment[], cast: Cast): BankAnchor['prompt'] {
  return prompt.map(({ text, character, region }) => ({
    text,
    ...(character !== undefined && { character: cast[character]!.id }),
    ...(region !== undefined && { region }),
  }))
}
