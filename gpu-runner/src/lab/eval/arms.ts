/** What an evaluation compares: the same stories, seeds and weights, generated in different ways. */
import type { StoryRequest } from '../../../../contract/story.ts'
import type { StoryModelOptions } from '../../story/open.ts'

export interface Arm {
  /** What an app cannot ask for. */
  readonly model: Pick<StoryModelOptions, 'mode' | 'wholePictures'>
  /** Whether characters come with a reference picture. */
  readonly references: boolean
  readonly consistency: StoryRequest['consistency']
}

const text = { references: false, consistency: { injector: 0, regions: false } }

export const arms = {
  none: { ...text, model: { mode: 'none' } },
  full: { ...text, model: { mode: 'full' } },
  'random-half': { ...text, model: { mode: 'random-half' } },
  consistory: { ...text, model: { mode: 'consistory' } },
  amsa: { ...text, model: { mode: 'amsa' } },
  'amsa+id': { model: { mode: 'amsa' }, references: true, consistency: { injector: 1, regions: false } },
  'amsa+id+regions': { model: { mode: 'amsa' }, references: true, consistency: { injector: 1, regions: true } },
  'whole-picture': {
    model: { mode: 'amsa', wholePictures: true },
    references: true,
    consistency: { injector: 1, regions: false },
  },
} as const satisfies Record<string, Arm>

export type ArmName = keyof typeof arms
export const armNames = Object.keys(arms) as ArmName[]
export const isArm = (name: string): name is ArmName => name in arms

/** Those that any model can be asked for: the rest needs one that reads reference pictures. */
export const textArms = armNames.filter((name) => !arms[name].references)

/** The story as this arm posts it; `pictures[i]` is a reference of character i. */
export function requestOf(request: StoryRequest, arm: Arm, pictures: readonly string[]): StoryRequest {
  const characters = request.characters.map((character, i) =>
    arm.references ? { ...character, references: [pictures[i]!] } : character,
  )
  return { ...request, characters, consistency: { ...request.consistency, ...arm.consistency } }
}
