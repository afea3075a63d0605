import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curveChart } from './curve.ts'

test('a chart encloses its points, names each curve with its last value, and their names do not overlap', () => {
  const svg = curveChart('Error', 'frames', [
    {
      name: 'one',
      points: [
        [0, 0.83],
        [1500, 0.52],
      ],
    },
    {
      name: 'two',
      points: [
        [0, 0.7],
        [1500, 0.521],
      ],
    },
    { name: 'lonely', points: [[3, 9]] },
  ])!
  assert.match(svg, /^<svg [^>]*viewBox="0 0 720 320"/)
  assert.doesNotMatch(svg, /NaN|lonely/)
  const labels = [...svg.matchAll(/y="([\d.]+)" style="fill:#\w+">(one|two) (\S+)</g)]
  assert.deepEqual(
    labels.map(([, , name, value]) => `${name} ${value}`),
    ['one 0.52', 'two 0.521'],
  )
  assert.ok(Math.abs(Number(labels[0]![1]) - Number(labels[1]![1])) >= 14)
  for (const [, x, y] of svg.matchAll(/[ML]([\d.]+),([\d.]+)/g))
    assert.ok(Number(x) >= 52 && Number(x) <= 610 && Number(y) >= 28 && Number(y) <= 280, `${x},${y}`)
})

test('nothing to draw is no chart', () => {
  assert.equal(curveChart('Error', 'frames', [{ name: 'one', points: [[0, 1]] }]), null)
})
