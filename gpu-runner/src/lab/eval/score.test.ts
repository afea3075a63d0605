import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Readings, Sighting, Verdict } from '../judges/judges.ts'
import { attributeValues } from '../storydb/labels.ts'
import type { Frame, Identity } from '../storydb/types.ts'
import { ATTRIBUTES, type Attribute, VOCABULARY } from '../storydb/vocabulary.ts'
import { arms, requestOf } from './arms.ts'
import { EvaluationReport, reportTable, summarise } from './report.ts'
import { metricNames, type Shown, scoreStory } from './score.ts'
import { evaluationStory, promptOf } from './stories.ts'

const fox: Identity = {
  species: 'fox',
  fur: 'orange',
  top: { type: 'shirt', colour: 'red', pattern: 'plain' },
  bottom: { type: 'pants', colour: 'blue' },
}
const girl: Identity = {
  species: 'girl',
  fur: 'tan',
  hair: { style: 'long', colour: 'black' },
  top: { type: 'sweater', colour: 'green', pattern: 'striped' },
  bottom: { type: 'skirt', colour: 'blue' },
  accessory: { type: 'crown', colour: 'yellow' },
}
const actor = (identity: Identity, action: 'waving' | 'sleeping', x: number) =>
  ({ identity, action, expression: 'happy', facing: 'left', x, y: 0.95, height: 0.6 }) as const
const frame: Frame = {
  actors: [actor(girl, 'waving', 0.25), actor(fox, 'sleeping', 0.75)],
  scene: { place: 'forest', time: 'night', layoutSeed: 1 },
}

function sure(values: Partial<Record<Attribute, string>>): Readings {
  const entries = Object.entries(values).map(([name, value]) => {
    const all: readonly string[] = VOCABULARY[name as Attribute]
    return [name, Float32Array.from(all, (one) => (one === value ? 0.9 : 0.1 / (all.length - 1)))]
  })
  return Object.fromEntries(entries)
}

const half = (left: boolean) => ({
  side: 32,
  data: Float32Array.from({ length: 1024 }, (_, i) => Number(i % 32 < 12 === left && i >= 256 && i % 32 < 24)),
})

function sighting(identity: Identity, changes: Partial<Record<Attribute, string>> = {}): Sighting {
  const at = frame.actors.findIndex((one) => one.identity === identity)
  return {
    mask: half(at === 0),
    readings: sure({ ...attributeValues(frame, at), ...changes }),
    embedding: Float32Array.of(1, 0),
    mirrored: Float32Array.of(0, 1),
  }
}

function shown(frames: (Sighting | null)[][], scene: Partial<Record<Attribute, string>> = {}): Shown {
  const mask = { side: 32, data: new Float32Array(1024).fill(0) }
  const verdicts = frames.map(
    (characters): Verdict => ({
      mask,
      scene: sure({ place: 'forest', time: 'night', ...scene }),
      characters,
    }),
  )
  return {
    cast: [fox, girl],
    frames: frames.map(() => frame),
    verdicts,
    planes: frames.map((_, f) => new Float32Array(3 * 1024).fill(f / 2)),
    references: [sighting(fox), null],
    maps: frames.map(() => [half(false), half(false)]),
    seconds: 3,
  }
}
const ratio = ({ sum, count }: { sum: number; count: number }) => sum / count

test('a story that shows what was asked for, whoever stands where', () => {
  const score = scoreStory(
    shown([
      [sighting(girl), sighting(fox)],
      [sighting(fox), sighting(girl)],
    ]),
  )
  for (const name of ['attribute_accuracy', 'agreement', 'scene_accuracy', 'action_accuracy'] as const)
    assert.equal(ratio(score[name]), 1, name)
  assert.equal(ratio(score.leak_rate), 0)
  // Fox: species, fur, top, bottom, accessory; girl: hair besides; two frames.
  assert.equal(score.attribute_accuracy.count, 22)
  // Only the fox has a reference; cos 1 with it and 0 with its mirror image.
  assert.deepEqual([score.copy_paste.count, Math.round(score.copy_paste.sum)], [2, 2])
  assert.ok(Math.abs(ratio(score.background_diversity) - 0.25) < 1e-6)
  assert.ok(Math.abs(ratio(score.text_alignment) - 0.9) < 1e-6)
  // The fox's map is where it is, the girl's where the fox is.
  assert.deepEqual(score.map_dice, { sum: 2, count: 4 })
  assert.deepEqual(score.seconds_per_story, { sum: 3, count: 1 })
})

test("the other's shirt is a wrong attribute and a leak, never a change of who is who", () => {
  const score = scoreStory(
    shown([
      [sighting(girl), sighting(fox, { topColour: 'green', topType: 'sweater', topPattern: 'striped' })],
      [sighting(girl), sighting(fox)],
    ]),
  )
  assert.deepEqual(score.leak_rate, { sum: 1, count: 2 })
  assert.equal(score.attribute_accuracy.sum, 21)
  // Of the 19 attributes that are read, the three of the fox's top differ between its frames.
  const { sum, count } = score.agreement
  assert.equal(count - sum, 3)
})

test('nobody is identified by what is scored: heads on each other’s bodies are wrong by the bodies, and bodies by the heads', () => {
  // Alike but for their heads and the colour of their tops, of which the heads say more.
  const twin: Identity = { ...girl, top: { ...fox.top, colour: 'green' }, bottom: fox.bottom, accessory: undefined }
  const both: Frame = { ...frame, actors: [actor(twin, 'waving', 0.25), actor(fox, 'waving', 0.75)] }
  const seen = both.actors.map((_, at): Sighting => {
    const topColour = at === 0 ? 'red' : 'green'
    return { ...sighting(fox), readings: sure({ ...attributeValues(both, at), topColour }) }
  })
  const score = scoreStory({ ...shown([seen]), cast: [fox, twin], frames: [both] })
  const { sum, count } = score.attribute_accuracy
  assert.ok(Math.abs(count - sum - (2 + 3 + 2 / 3)) < 1e-9, `${count - sum} are wrong`)
  assert.deepEqual(score.leak_rate, { sum: 1, count: 1 })
})

test('a value that nobody in the frame should have is wrong, and no leak', () => {
  const score = scoreStory(shown([[sighting(girl), sighting(fox, { topColour: 'purple' })]]))
  assert.deepEqual(score.leak_rate, { sum: 0, count: 1 })
  assert.ok(Math.abs(score.attribute_accuracy.count - score.attribute_accuracy.sum - 1 / 3) < 1e-9)
  assert.equal(score.agreement.count, 0, 'one frame agrees with nothing')
})

test('who was not found has nothing right, agrees with nothing, and is neither leak nor map', () => {
  const score = scoreStory(
    shown(
      [
        [sighting(girl), null],
        [sighting(girl), sighting(fox)],
      ],
      { place: 'beach' },
    ),
  )
  assert.equal(score.attribute_accuracy.count - score.attribute_accuracy.sum, 5)
  assert.equal(ratio(score.action_accuracy), 3 / 4)
  assert.equal(ratio(score.scene_accuracy), 0)
  assert.equal(score.map_dice.count, 3)
  assert.ok(ratio(score.agreement) < 1)
})

test('stories are about held-out casts, say all that is scored, and are the same again', () => {
  const options = { seed: 4, level: 3, descriptions: 'full', frames: 3 } as const
  const story = evaluationStory(2, options)
  assert.deepEqual(evaluationStory(2, options), story)
  assert.equal(story.request.frames.length, 3)
  const [first] = evaluationStory(2, { ...options, descriptions: 'species' }).request.characters
  assert.equal(first!.description, `a ${story.cast[0]!.species}`)
  assert.equal(promptOf(frame, [fox, girl]), 'Mo is happy and waves and Pip sleeps in the forest at night')
  const asked = requestOf(
    story.request,
    arms['amsa+id+regions'],
    story.cast.map(() => 'data:image/png;base64,AA=='),
  )
  assert.deepEqual(asked.consistency, { injector: 1, regions: true })
  assert.ok(asked.characters.every(({ references }) => references?.length === 1))
  assert.ok(requestOf(story.request, arms.none, []).characters.every(({ references }) => !references))
})

test('the report has every metric of every arm, and figures are null where nothing could be seen', () => {
  const scores = [scoreStory(shown([[sighting(girl), sighting(fox)]]))]
  const judges = {
    ...{ frames: 2, found: 1, dice: 0.9, auc: 0.9, eer: 0.1 },
    attributes: Object.fromEntries(ATTRIBUTES.map((name) => [name, 1])),
  }
  const run = {
    model: 'm',
    seed: 1,
    stories: 1,
    frames: 1,
    level: 3,
    descriptions: 'full',
    sampling: { steps: 2, guidance_scale: 3, guidance_interval: [0, 1] },
    judges,
  }
  const report = EvaluationReport.parse({ ...run, arms: { amsa: summarise(scores, scores) } })
  assert.deepEqual(Object.keys(report.arms.amsa!), [...metricNames])
  assert.deepEqual(report.arms.amsa!.agreement, { value: null, low: null, high: null, ceiling: null })
  assert.equal(report.arms.amsa!.attribute_accuracy.ceiling, 1)
  const table = reportTable(report)
  for (const name of metricNames) assert.match(table, new RegExp(`\\| ${name} \\|`))
  assert.throws(() => EvaluationReport.parse({ ...run, arms: { amsa: { leak_rate: 1 } } }))
})
