import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { logFile, readLog } from './model-card.ts'

test('a run that began with finished weights goes on counting where the one before it stopped', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'card-'))
  t.after(() => rmSync(folder, { recursive: true }))
  assert.deepEqual(readLog(folder, 'sets'), [])
  mkdirSync(dirname(logFile(folder, 'sets')), { recursive: true })
  const lines = [
    { step: 10, samples: 80, loss: 3 },
    { step: 20, samples: 160, loss: 2 },
    { step: 5, samples: 40, loss: 2 },
    { step: 15, samples: 120, loss: 1 },
    { step: 4, samples: 32, loss: 1 },
  ]
  writeFileSync(logFile(folder, 'sets'), `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`)
  assert.deepEqual(
    readLog(folder, 'sets').map(({ step, samples, loss }) => [step, samples, loss]),
    [
      [10, 80, 3],
      [20, 160, 2],
      [25, 200, 2],
      [35, 280, 1],
      [39, 312, 1],
    ],
  )
})
