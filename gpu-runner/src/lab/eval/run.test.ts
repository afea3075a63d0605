import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sd15 } from '../../../../test/model-folder.ts'
import { openPipeline } from '../../engine/pipeline/open.ts'
import { JudgesAccuracy } from '../judges/accuracy.ts'
import { Judges } from '../judges/judges.ts'
import { recipes } from '../train/recipes.ts'
import { judgesStage } from '../train/stage-judges.ts'
import { armNames } from './arms.ts'
import { fillerStudy } from './filler-words.ts'
import { EvaluationReport } from './report.ts'
import { evaluate } from './run.ts'
import { metricNames } from './score.ts'

test('judges learn from nothing, go on where they stopped, and score every arm of a tiny model', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fableframe-eval-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))

  await t.test(
    'training: the loss falls, a resumed run repeats an uninterrupted one, the card has its figures',
    async () => {
      const whole = await train(join(folder, 'whole'), 30)
      const mean = (losses: number[]) => losses.reduce((a, b) => a + b, 0) / losses.length
      const [first, last] = [mean(whole.slice(0, 8)), mean(whole.slice(-8))]
      assert.ok(last < 0.95 * first, `the loss went from ${first} to ${last}`)
      await train(join(folder, 'judges'), 3)
      assert.deepEqual(await train(join(folder, 'judges'), 6, true), whole.slice(3, 6))
      const accuracy = JudgesAccuracy.parse(JSON.parse(readFileSync(join(folder, 'whole', 'accuracy.json'), 'utf8')))
      assert.equal(accuracy.frames, 12)
      assert.match(readFileSync(join(folder, 'whole', 'README.md'), 'utf8'), /\| species \| \d+\.\d % \|/)
    },
  )

  await t.test('evaluation: a report of the stated shape, a table, and a sheet for each story', async () => {
    const judges = await Judges.open(join(folder, 'whole'))
    const accuracy = JudgesAccuracy.parse(JSON.parse(readFileSync(join(folder, 'whole', 'accuracy.json'), 'utf8')))
    const pipeline = await openPipeline(sd15, { device: 'cpu', ipAdapter: join(sd15, '../ip_plus.safetensors') })
    const out = join(folder, 'out')
    const signal = new AbortController().signal
    const size = { stories: 2, frames: 2, steps: 2, seed: 3, level: 3, descriptions: 'full' } as const
    const options = { ...size, pipeline, judges, accuracy, arms: armNames, out, signal }
    const done = await Array.fromAsync(evaluate(options))
    assert.deepEqual(
      done,
      Array.from({ length: 2 * armNames.length }, (_, i) => i + 1),
    )
    const report = EvaluationReport.parse(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')))
    assert.deepEqual(Object.keys(report.arms), armNames)
    for (const arm of armNames) {
      assert.deepEqual(Object.keys(report.arms[arm]!), [...metricNames])
      const { seconds_per_story: seconds, scene_accuracy: scene } = report.arms[arm]!
      assert.ok(seconds.value! > 0 && seconds.low! <= seconds.value! && seconds.value! <= seconds.high!)
      assert.ok(scene.ceiling !== null)
    }
    assert.match(
      readFileSync(join(out, 'report.md'), 'utf8'),
      /none \| full \| random-half \| consistory \| amsa \| amsa\+id \| amsa\+id\+regions \| whole-picture \| ceiling/,
    )
    assert.deepEqual(readdirSync(join(out, 'sheets')), ['story-000.png', 'story-001.png'])

    const stopped = { ...options, out: join(folder, 'stopped'), signal: AbortSignal.abort(new Error('enough')) }
    await assert.rejects(Array.fromAsync(evaluate(stopped)), /enough/)
    assert.ok(!existsSync(join(folder, 'stopped', 'report.json')), 'no story, no report')
    const stop = new AbortController()
    const part = { ...options, arms: ['amsa', 'none'] as const, out: join(folder, 'stopped'), signal: stop.signal }
    // In the middle of the second story.
    for await (const done of evaluate(part)) if (done === 3) stop.abort(new Error('enough'))
    const { stories, arms } = EvaluationReport.parse(
      JSON.parse(readFileSync(join(folder, 'stopped', 'report.json'), 'utf8')),
    )
    assert.deepEqual([stories, Object.keys(arms)], [1, ['amsa', 'none']])
    assert.ok(arms.amsa!.scene_accuracy.ceiling !== null)
    const study = { ...size, stories: 1, pipeline, judges, arm: 'amsa', signal } as const
    const changes = []
    for (const words of [0, 10]) {
      const folderOf = join(folder, `fillers-${words}`)
      await Array.fromAsync(fillerStudy({ ...study, words, out: folderOf }))
      changes.push(JSON.parse(readFileSync(join(folderOf, 'filler-words.json'), 'utf8')).changed)
    }
    assert.equal(changes[0], 0, 'the same story twice is the same')
    assert.ok(changes[1] >= 0 && changes[1] <= 1)
    await pipeline.release()
    await judges.close()
  })
})

test('bad flags: a clear message and exit 2; judges that are not there: exit 1 and how to get them', () => {
  const cli = fileURLToPath(new URL('../../cli/eval.ts', import.meta.url))
  const run = (...args: string[]) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' })
  for (const [args, message, code] of [
    [[], /--out <folder> is missing/, 2],
    [['--out', 'x', '--arms', 'amsa,best'], /there is no 'best'; there are none, full/, 2],
    [['--out', 'x', '--arms', 'amsa+id', '--model', sd15], /no ip_adapter\.safetensors/, 2],
    [['--out', 'x', '--judges', '/nowhere'], /no judges in \/nowhere; 'npm run train -- judges/, 1],
  ] as const) {
    const { status, stderr } = run(...args)
    assert.equal(status, code, stderr)
    assert.match(stderr, message)
  }
})

async function train(folder: string, steps: number, resume = false): Promise<number[]> {
  const stop = new AbortController()
  const recipe = recipes.tiny!
  const losses: number[] = []
  const options = { recipe, folder, seed: 1, minutes: 10, resume, sheetMinutes: 10, signal: stop.signal }
  for await (const { step, loss } of judgesStage(options)) {
    losses.push(loss)
    if (step >= steps) stop.abort()
  }
  return losses
}
