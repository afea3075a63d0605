/** The self-check of a story: how alike its characters are from frame to frame, and how different everything else is. */
import { z } from 'zod'

/** Redraws for `min_score` in one story: the default, and the most. */
export const REDRAWS = { usual: 3, most: 12 } as const

const Share = z.number().min(0).max(1)
const Score = Share.nullable()

const CharacterCheck = z.strictObject({
  id: z.string().max(100),
  score: Score.describe(
    'Probability that this is the character of the other frames, and of its bank: the mean over all of them',
  ),
  to_references: Score.describe('The same of its reference pictures'),
  area: Share.describe('Share of the picture that it takes up'),
})

const FrameCheck = z.strictObject({
  index: z.int().min(0).max(100),
  score: Score.describe('The lowest of its characters; of one seen in no other frame, that to its references'),
  redraws: z.int().min(0).max(REDRAWS.most).describe('How often it was redrawn for `min_score`'),
  characters: z.array(CharacterCheck).max(20),
})

/** `PUT /runner/stories/{id}/consistency`, and a part of the story. Null: there was nothing to measure it by. */
export const ConsistencyReport = z
  .strictObject({
    score: Score.describe('Mean over the frames that have one; about 0.9 where all is well'),
    copy_paste: Score.describe('0.5 when poses are free; towards 1, frames repeat the pose of a reference picture'),
    pose_diversity: Score.describe(
      'How much silhouettes of a character differ between frames; 0 when they are all the same',
    ),
    background_diversity: Score.describe('How much backgrounds differ between frames; 0 when they are all the same'),
    frames: z.array(FrameCheck).max(100),
    warnings: z.array(z.string().max(500)).max(10).describe('What could not be measured, or stayed below `min_score`'),
  })
  .meta({ id: 'ConsistencyReport' })
export type ConsistencyReport = z.infer<typeof ConsistencyReport>
