/** Stories about held-out characters, as an app would post them, and what their pictures must show. */
import { type StoryInput, StoryRequest } from '../../../../contract/story.ts'
import { encodePng } from '../../engine/io/png.ts'
import { captionStyle, captionText, describeIdentity } from '../storydb/caption.ts'
import { everydayPrompt } from '../storydb/everyday.ts'
import { randomFrames } from '../storydb/frames.ts'
import type { Level } from '../storydb/levels.ts'
import { hashText } from '../storydb/random.ts'
import { renderFrame } from '../storydb/render.ts'
import type { Actor, Frame, Identity } from '../storydb/types.ts'
import { ACTION_WORDS, PLACE_WORDS, TIME_WORDS } from '../storydb/words.ts'

export interface EvaluationStory {
  /** Without references. */
  request: StoryRequest
  /** In the order of the request's characters. */
  cast: readonly Identity[]
  /** What each frame must show; actors in any order. */
  frames: readonly Frame[]
  /** Another frame of the same cast: what references are cut from, and copies are looked for of. */
  reference: Frame
}

const names = ['Pip', 'Mo', 'Zuzu'] as const

/** How an app describes its characters: all that there is to say, or their species alone, so that the rest is left to the model. */
export const descriptions = ['full', 'species'] as const
export type Descriptions = (typeof descriptions)[number]

export interface StoryOptions {
  seed: number
  descriptions: Descriptions
  level: Level
  frames: number
  layout?: StoryRequest['consistency']['layout']
  steps?: number | undefined
}

/** Story `index` of the endless row that `seed` names. */
export function evaluationStory(index: number, options: StoryOptions): EvaluationStory {
  const { seed, level, layout, steps } = options
  const [reference, ...frames] = randomFrames(seed, index, options.frames + 1, { level, split: 'held-out' })
  const cast = reference!.actors.map(({ identity }) => identity)
  const style = captionStyle(level)
  const variant = (part: number) => hashText(`${seed}/${index}/${part}`)
  const describe = (identity: Identity, i: number) =>
    captionText(describeIdentity(identity, style === 'plain' ? 0 : variant(i), { style }))
  const promptIn = (frame: Frame, f: number) => {
    if (style === 'plain') return promptOf(frame, cast)
    const called = frame.actors.map(({ identity }) => names[cast.indexOf(identity)]!)
    return everydayPrompt(frame, { variant: variant(100 + f), names: called, outside: true })
  }
  const input: StoryInput = {
    characters: cast.map((identity, i) => ({
      id: `character-${i}`,
      name: names[i]!,
      description: options.descriptions === 'full' ? describe(identity, i) : `a ${identity.species}`,
    })),
    frames: frames.map((frame, f) => ({ prompt: promptIn(frame, f) })),
    ...(steps ? { steps } : {}),
    ...(layout ? { consistency: { layout } } : {}),
  }
  return { request: StoryRequest.parse(input), cast, frames, reference: reference! }
}

/** "Pip is happy and waves and Mo is sad and reads in the forest at night": all that a frame is scored for is stated. */
export function promptOf({ actors, scene }: Frame, cast: readonly Identity[]): string {
  const clauses = actors.map(({ identity, action, expression }) => {
    const mood = action === 'sleeping' ? '' : `is ${expression} and `
    return `${names[cast.indexOf(identity)]} ${mood}${ACTION_WORDS[action].does[0]}`
  })
  return `${clauses.join(' and ')} ${PLACE_WORDS[scene.place][0]} ${TIME_WORDS[scene.time][0]}`
}

/** The story's reference frame with one character alone, as a data URI of a PNG: what an app would upload. */
export async function referencePicture(story: EvaluationStory, character: number, size: number): Promise<string> {
  const png = await encodePng({
    rgb: renderFrame(portraitFrame(story, character), size).rgb,
    width: size,
    height: size,
  })
  return `data:image/png;base64,${png.toString('base64')}`
}

/** Whatever stands where in the reference frame, this shows one character of it, large and in the middle. */
export function portraitFrame({ reference, cast }: EvaluationStory, character: number): Frame {
  const actor: Actor = reference.actors.find(({ identity }) => identity === cast[character])!
  return { ...reference, actors: [{ ...actor, x: 0.5, y: 0.95, height: 0.84 }] }
}
