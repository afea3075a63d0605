import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sd15 } from '../../../../test/model-folder.ts'
import { openPipeline } from '../../engine/pipeline/open.ts'
import { blindSheet, countFaults } from './blind-sheet.ts'

test('a blind sheet has each frame once, says of none what it is of, and its key gives faults by arm', async (t) => {
  const out = mkdtempSync(join(tmpdir(), 'fableframe-sheet-'))
  t.after(() => rmSync(out, { recursive: true, force: true }))
  const pipeline = await openPipeline(sd15, { device: 'cpu' })
  t.after(() => pipeline.release())
  const signal = new AbortController().signal
  const size = { frames: 2, steps: 1, seed: 3, level: 5, descriptions: 'full', count: 5 } as const
  const made = blindSheet({ ...size, pipeline, arms: ['none', 'amsa'], out, signal })
  assert.deepEqual(await Array.fromAsync(made), [2, 4, 5])

  const html = readFileSync(join(out, 'sheet.html'), 'utf8')
  assert.equal(html.split('data:image/png;base64,').length, 6)
  assert.doesNotMatch(html.replaceAll(/base64,[^"]+/g, ''), /amsa/)
  const key: { number: number; arm: string; story: number; frame: number }[] = JSON.parse(
    readFileSync(join(out, 'key.json'), 'utf8'),
  )
  assert.deepEqual(
    key.map(({ number }) => number),
    [1, 2, 3, 4, 5],
  )
  assert.equal(new Set(key.map(({ story, frame }) => `${story}/${frame}`)).size, 5)
  assert.ok(key.every(({ arm, story }) => arm === (story % 2 ? 'amsa' : 'none')))

  const answers = join(out, 'answers.json')
  const first = key.find(({ arm }) => arm === 'amsa')!
  const ticked = Object.fromEntries(
    key.map(({ number }) => [number, number === first.number ? ['species', 'limbs'] : []]),
  )
  writeFileSync(answers, JSON.stringify(ticked))
  const table = await countFaults(out, answers)
  assert.match(table, /\| amsa \| 2 \| 1 \| 0 \| 1 \| 0 \| 0 \| 0 \| 0 \| 0 \| 1 \|/)
  assert.match(table, /\| none \| 3 \| 3 \| 0 \| 0 \|/)
  writeFileSync(answers, '{"1": ["ugly"]}')
  await assert.rejects(countFaults(out, answers), /answers\.json holds no answers: /)
})
