/** What the judges get right of renders they never saw: what their word is worth, and the ceiling of all scores. */
import { z } from 'zod'
import { dice, mean } from '../../story/measures/metrics.ts'
import { areaMask } from '../../story/measures/pictures.ts'
import { areaUnderCurve, cosine, equalErrorRate } from '../../story/measures/verification.ts'
import { randomFrames } from '../storydb/frames.ts'
import { attributeValues } from '../storydb/labels.ts'
import { LEVELS } from '../storydb/levels.ts'
import { renderFrame } from '../storydb/render.ts'
import { ATTRIBUTES, type Attribute } from '../storydb/vocabulary.ts'
import { type Judges, likeliest } from './judges.ts'
import { portraitHeads, sceneHeads } from './networks.ts'

const share = z.number().min(0).max(1)

export const JudgesAccuracy = z.object({
  frames: z.int().describe('Held-out frames that it was measured on'),
  attributes: z.record(z.string(), share).describe('Share of characters whose value was read right'),
  found: share.describe('Share of characters that were found'),
  dice: share.describe("2·|A∩B| / (|A|+|B|) of the mask of each character and the renderer's"),
  auc: share.describe('Area under the ROC curve of same and different identities by the cosine of their embeddings'),
  eer: share.describe('Equal error rate of the same'),
})
export type JudgesAccuracy = z.infer<typeof JudgesAccuracy>

/** Sets with this seed are for this alone. */
const seed = 770_077
const size = 128

/** Over pairs of frames of `sets` held-out sets, of all levels that the judges know, in turn. */
export async function measureJudges(judges: Judges, sets: number): Promise<JudgesAccuracy> {
  const right = new Map<Attribute, number[]>(ATTRIBUTES.filter((name) => judges.reads(name)).map((name) => [name, []]))
  const [found, overlap]: number[][] = [[], []]
  const known: { identity: string; set: number; embedding: Float32Array }[] = []
  const levels = LEVELS.filter((level) => judges.knows(level))
  for (let set = 0; set < sets; set++) {
    const level = levels[set % levels.length]!
    const frames = randomFrames(seed, set, 2, { level, split: 'held-out' })
    const rendered = frames.map((frame) => renderFrame(frame, size))
    const verdicts = await judges.judge(
      rendered.map(({ rgb }) => ({ rgb, width: size, height: size })),
      frames.map(({ actors }) => actors.length),
    )
    for (const [f, verdict] of verdicts.entries()) {
      const frame = frames[f]!
      const scenery = attributeValues(frame, 0)
      for (const name of sceneHeads)
        if (verdict.scene[name]) right.get(name)!.push(Number(likeliest(verdict.scene, name) === scenery[name]))
      // Both are in order from the left. In renders no character is missing, so equal positions are the same character.
      for (const [character, { identity }] of frame.actors.entries()) {
        const sighting = verdict.characters[character]
        found!.push(Number(Boolean(sighting)))
        if (!sighting) continue
        overlap!.push(dice(sighting.mask, areaMask(rendered[f]!.characters[character]!.mask, size, sighting.mask.side)))
        const values = attributeValues(frame, character)
        for (const name of portraitHeads)
          if (sighting.readings[name])
            right.get(name)!.push(Number(likeliest(sighting.readings, name) === values[name]))
        known.push({ identity: JSON.stringify(identity), set, embedding: sighting.embedding })
      }
    }
  }
  const [same, different]: number[][] = [[], []]
  for (const [i, a] of known.entries())
    for (const b of known.slice(i + 1))
      (a.identity === b.identity ? same! : different!).push(cosine(a.embedding, b.embedding))
  const enough = same!.length > 0 && different!.length > 0
  return {
    frames: 2 * sets,
    attributes: Object.fromEntries([...right].map(([name, values]) => [name, mean(values) ?? 0])),
    found: mean(found!) ?? 0,
    dice: mean(overlap!) ?? 0,
    auc: enough ? areaUnderCurve(same!, different!) : 0.5,
    eer: enough ? equalErrorRate(same!, different!) : 0.5,
  }
}
