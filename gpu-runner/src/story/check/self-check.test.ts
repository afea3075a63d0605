/** Stories that check themselves: the report, frames generated again for it, and what an interruption leaves. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConsistencyReport } from '../../../../contract/consistency.ts'
import { type StoryInput, StoryRequest } from '../../../../contract/story.ts'
import { sd15 } from '../../../../test/model-folder.ts'
import { encodePng, readImage } from '../../engine/io/png.ts'
import { openStoryModel } from '../open.ts'
import type { GenerateOptions, StoryEvent } from '../types.ts'

const mini = await openStoryModel({ folder: join(import.meta.dirname, '../../../models/story-mini'), device: 'cpu' })
const plain = await openStoryModel({ folder: sd15, device: 'cpu' })
after(() => Promise.all([mini.close(), plain.close()]))
const fox = { id: 'fox', name: 'Fern', description: 'an orange fox wearing a blue shirt' }
const frames = ['waves in the forest', 'reads on the beach', 'sleeps in the snow'].map((what) => ({
  prompt: `Fern ${what}`,
}))
const story = { characters: [fox], frames, steps: 2, width: 64, height: 64 }

async function generate(request: StoryInput, options: Partial<GenerateOptions> = {}, model = mini) {
  const events: StoryEvent[] = []
  const signal = new AbortController().signal
  for await (const event of model.generate(StoryRequest.parse(request), { seed: 5, signal, ...options }))
    events.push(event)
  const drawn = new Map(events.flatMap((event) => (event.type === 'frame' ? [[event.frame.index, event.frame]] : [])))
  const [said] = events.flatMap((event) => (event.type === 'report' ? [event] : []))
  return {
    events: events.map(({ type }) => type),
    drawn,
    report: ConsistencyReport.parse(said?.report),
    sheet: said!.sheet,
  }
}
type Drawn = Awaited<ReturnType<typeof generate>>['drawn']
const same = (a: Drawn, b: Drawn, index: number) => Buffer.compare(a.get(index)!.rgb, b.get(index)!.rgb) === 0

test('the report comes before the last frame and is about all of them, those of an earlier attempt too', async () => {
  const whole = await generate(story)
  assert.deepEqual(whole.events.slice(-4), ['frame', 'frame', 'report', 'frame'])
  assert.deepEqual(
    whole.report.frames.map(({ index, characters }) => [index, characters[0]?.id]),
    [
      [0, 'fox'],
      [1, 'fox'],
      [2, 'fox'],
    ],
  )
  for (const { score, redraws } of whole.report.frames) assert.ok(score! >= 0 && score! <= 1 && redraws === 0)
  assert.ok((await readImage(whole.sheet)).width > 300)
  const finished = { 0: await encodePng(whole.drawn.get(0)!), 1: await encodePng(whole.drawn.get(1)!) }
  const rest = await generate(story, { skip: new Set([0, 1]), finished })
  assert.deepEqual([[...rest.drawn.keys()], rest.report.frames.length], [[2], 3])
  assert.ok(
    Math.abs(rest.report.score! - whole.report.score!) < 0.01,
    'the first two are looked at, so where they are is known',
  )
})

test('min_score: nothing is shown before all is checked; the better picture is kept, and after an interruption too', async () => {
  const usual = await generate(story)
  const wanted = { ...story, consistency: { min_score: 1, max_redraws: 2 } }
  const one = await generate(wanted)
  assert.deepEqual(one.events.slice(-4), ['report', 'frame', 'frame', 'frame'])
  assert.equal(one.events.filter((type) => type === 'bank').length, 1)
  assert.deepEqual(
    one.report.frames.map(({ redraws }) => redraws),
    [0, 1, 1],
  )
  assert.match(one.report.warnings.join(), /below min_score 1: frame 0, 1, 2/)
  assert.ok(same(usual.drawn, one.drawn, 0), 'the first frame is what the others attend to')
  assert.ok(one.report.score! >= usual.report.score!, `${one.report.score} is worse than ${usual.report.score}`)
  // Cut short after two pictures: the third is the very one.
  const rest = await generate(wanted, { skip: new Set([0, 1]) })
  assert.deepEqual([...rest.drawn.keys()], [2])
  assert.ok(same(one.drawn, rest.drawn, 2))
  assert.deepEqual(rest.report, one.report)
  const content = await generate({ ...story, consistency: { min_score: 0 } })
  assert.ok([0, 1, 2].every((index) => same(usual.drawn, content.drawn, index)))
  assert.deepEqual(content.report.warnings, [])
})

test('a model that cannot tell characters apart says so; all else is reported', async () => {
  const { report, drawn } = await generate(
    { ...story, width: 128, height: 96, consistency: { min_score: 0.5 } },
    {},
    plain,
  )
  assert.match(report.warnings.join(), /cannot tell characters apart .*min_score had no effect/)
  assert.deepEqual([report.score, report.frames.map(({ score }) => score), drawn.size], [null, [null, null, null], 3])
  assert.ok(report.background_diversity! > 0 && report.frames[0]!.characters[0]!.area > 0)
  const nobody = await generate({ frames: [{ prompt: 'a hill' }], steps: 2 })
  assert.deepEqual([nobody.report.score, nobody.report.frames[0]!.characters], [null, []])
})

test('a min_score out of range, and too many redraws, are refused where they are', () => {
  for (const [consistency, path] of [
    [{ min_score: 2 }, 'min_score'],
    [{ min_score: 0.5, max_redraws: 13 }, 'max_redraws'],
  ] as const) {
    const parsed = StoryRequest.safeParse({ ...story, consistency })
    assert.deepEqual(
      parsed.error?.issues.map((issue) => issue.path),
      [['consistency', path]],
    )
  }
})
