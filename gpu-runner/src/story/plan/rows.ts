/** What is sampled for a story: its frames, then the anchors they look at; and the bank that is left of it. */
import { BANK_VERSION, type BankHeader, type BankSettings } from '../../../../contract/bank.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import { derivedSeed } from '../../engine/diffusion/noise.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { type Anchor, type StoryRow, writtenPrompt } from '../bank/anchors.ts'
import type { Bank } from '../bank/bank.ts'
import type { PreparedReferences } from '../references/references.ts'
import type { FrameMasks } from '../sharing/masks.ts'
import { chooseAnchors } from '../sharing/sharing.ts'
import type { PromptSegment } from './prompt-segment.ts'

/** Of the noise of a frame: its own, or one that follows from the story's and its place. */
const frameSeed = ({ frames }: StoryRequest, frame: number, seed: number) =>
  frames[frame]!.seed ?? derivedSeed(seed, frame)

export interface RowOptions {
  readonly seed: number
  /** Of the frames, then of the anchors; with who is in each by its words. */
  readonly prompts: readonly (readonly PromptSegment[])[]
  readonly present: readonly (readonly boolean[])[]
  readonly anchors: readonly Anchor[]
  /** Of anchors that the story adds. */
  readonly generation: number
}

export interface StoryRows {
  readonly rows: readonly StoryRow[]
  /** For each frame the row that has its latents: another than its own where the frame is an anchor, drawn once more. */
  readonly rowOf: readonly number[]
}

export function storyRows(story: StoryRequest, { seed, prompts, present, anchors, generation }: RowOptions): StoryRows {
  const count = story.frames.length
  const covered = story.characters.map((_, c) => anchors.some(({ shows }) => shows[c]))
  const rowOf = story.frames.map((_, frame) => {
    const own = frameSeed(story, frame, seed)
    const same = anchors.findIndex(
      ({ seed, prompt, kept }) => kept.anchor.sampled && seed === own && told(prompt) === told(prompts[frame]!),
    )
    return same < 0 ? frame : count + same
  })
  const shows = chooseAnchors(
    present.slice(0, count).map((frame, i) => (rowOf[i] === i ? frame : frame.map(() => false))),
    covered,
  )
  const frames = story.frames.map((_, frame) => ({
    ...{ seed: frameSeed(story, frame, seed), shows: shows[frame]!, generation, isGiven: false },
    prompt: prompts[frame]!,
  }))
  return { rows: [...frames, ...anchors], rowOf }
}

/** Without what is undefined. */
const told = (prompt: readonly PromptSegment[]) => JSON.stringify(prompt.map((p) => [p.text, p.character, p.region]))

export interface KeepOptions {
  readonly story: StoryRequest
  readonly settings: BankSettings
  /** The one that the story began with, and whether its settings and model are this story's. */
  readonly bank: Bank | null
  readonly repeat: boolean
  readonly anchors: readonly Anchor[]
  readonly rows: readonly StoryRow[]
  /** Of the story's cast, those of its bank first; null where there are none, or they are not used. */
  readonly references: PreparedReferences | null
  /** Of a row; undefined where it was not sampled. */
  readonly latentOf: (row: number) => Float32Array | undefined
  /** Of a row, by place in the story's cast, on the grid of the latents. */
  readonly masksOf: (row: number) => FrameMasks
}

/** Null where the story shows no character, or not all of its anchors were sampled. */
export function bankOf(pipeline: Pipeline, { story, settings, bank, repeat, ...made }: KeepOptions): Bank | null {
  const { anchors, rows, references, latentOf, masksOf } = made
  const cast = [...(bank?.header.cast ?? []), ...story.characters.filter(({ id }) => !isIn(bank, id))].map(({ id }) =>
    story.characters.findIndex((character) => character.id === id),
  )
  const kept = anchors.map((anchor) => anchor.kept)
  for (const [row, { seed, generation, shows, prompt }] of rows.slice(0, story.frames.length).entries()) {
    if (!shows.includes(true)) continue
    const latent = latentOf(row)
    if (!latent) return null
    const shown = story.characters.flatMap(({ id }, c) => (shows[c] ? [id] : []))
    const sampled = bank === null || repeat
    const anchor = { seed, generation, sampled, shows: shown, prompt: writtenPrompt(prompt, story.characters) }
    kept.push({ anchor, latent, masks: masksOf(row) })
  }
  if (kept.length === 0) return null
  const known = bank?.header.cast.length ?? 0
  const identities = references?.tokens ?? bank?.identities ?? []
  const header: BankHeader = {
    version: BANK_VERSION,
    model: bank?.header.model ?? { name: pipeline.name, ...pipeline.fingerprints() },
    settings: bank?.header.settings ?? settings,
    cast: cast.map((c, i) => {
      if (i < known) return bank!.header.cast[i]!
      const { id, name, description } = story.characters[c]!
      const { whole, regions } = references?.cast[c] ?? {}
      return { id, name, description, identity: whole && regions ? { whole, regions } : null }
    }),
    anchors: kept.map(({ anchor }) => anchor),
  }
  return {
    header,
    latents: kept.map(({ latent }) => latent),
    latentShape: [
      pipeline.autoencoder.latentChannels,
      settings.height / pipeline.autoencoder.factor,
      settings.width / pipeline.autoencoder.factor,
    ],
    masks: kept.map(({ masks }) => cast.map((c) => masks[c] ?? null)),
    identities,
    identityShape: bank?.identities.length
      ? bank.identityShape
      : [pipeline.identity?.tokens ?? 0, pipeline.identity?.width ?? 0],
  }
}

const isIn = (bank: Bank | null, id: string) => bank?.header.cast.some((character) => character.id === id) ?? false

/** Identities of the story's cast: those of the bank, then those of characters that are new. */
export function joinReferences(
  bank: Bank | null,
  characters: StoryRequest['characters'],
  added: PreparedReferences | null,
): PreparedReferences | null {
  if (!bank || bank.identities.length === 0) return added
  const first = bank.identities.length
  const cast = characters.map(({ id }, c) => {
    const known = bank.header.cast.find((character) => character.id === id)
    if (known) return known.identity ?? undefined
    const own = added?.cast[c]
    const moved = (places: readonly number[]) => places.map((place) => place + first)
    return own && { whole: moved(own.whole), regions: own.regions.map(moved) }
  })
  return { tokens: [...bank.identities, ...(added?.tokens ?? [])], cast }
}
