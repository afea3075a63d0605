import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConsistencyReport } from '../../../../contract/consistency.ts'
import { random } from '../../lab/storydb/random.ts'
import { backgroundDistance, poseDistance } from '../measures/metrics.ts'
import { frameScore, type Known, reportOf, type SeenFrame, type Sighting } from './consistency.ts'
import { cutAlong, squareMask, squarePicture } from './likeness.ts'

const r = random(7, 1)
const side = 8
const unit = () => {
  const raw = Float32Array.from({ length: 5 }, () => r.between(-1, 1))
  const length = Math.hypot(...raw)
  return raw.map((value) => value / length)
}
const mask = () => ({ side, data: Float32Array.from({ length: side ** 2 }, () => Number(r.next() < 0.4)) })
const sighting = (): Sighting => ({ mask: mask(), likeness: unit(), mirrored: unit() })
const frame = (index: number, characters: (Sighting | null)[], redraws = 0): SeenFrame => ({
  ...{ index, redraws, characters, mask: mask(), cells: 48 },
  planes: Float32Array.from({ length: 3 * side ** 2 }, () => r.between(-1, 1)),
})
const curve = { slope: 6, offset: -1 }
const frames = [
  frame(0, [sighting(), null, sighting()]),
  frame(1, [sighting(), sighting(), null], 2),
  frame(2, [null, { ...sighting(), likeness: null, mirrored: null }, null]),
  frame(3, [sighting(), sighting(), null]),
]
const known: Known = {
  ...{ cast: ['fox', 'owl', 'cat'], curve },
  references: [[unit(), unit()], [], [unit()]],
  anchors: [[sighting(), null, null]],
}

test('the report agrees with plain loops over what was seen', () => {
  const report = ConsistencyReport.parse(reportOf(frames, known, ['so']))
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0)
  const same = (a: Float32Array, b: Float32Array) => 1 / (1 + Math.exp(-(6 * dot(a, b) - 1)))
  const mean = (values: number[]) => (values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length)
  const near = (a: number | null, b: number | null, what: string) =>
    assert.ok(a === b || (a !== null && b !== null && Math.abs(a - b) < 6e-4), `${what}: ${a} is not ${b}`)
  const [scores, copies]: [number[], number[]] = [[], []]
  for (const { index, characters } of frames) {
    const own: number[] = []
    for (const [c, id] of known.cast.entries()) {
      const one = characters[c]
      if (!one) continue
      const check = report.frames[index]!.characters.find((each) => each.id === id)!
      let area = 0
      for (const value of one.mask.data) area += value
      near(check.area, area / 48, 'area')
      const others: number[] = []
      const references: number[] = []
      if (one.likeness) {
        for (const other of frames)
          if (other.index !== index && other.characters[c]?.likeness)
            others.push(same(one.likeness, other.characters[c].likeness))
        for (const other of known.anchors) if (other[c]?.likeness) others.push(same(one.likeness, other[c].likeness))
        for (const reference of known.references[c]!) {
          references.push(same(one.likeness, reference))
          const [plain, turned] = [dot(one.likeness, reference), dot(one.mirrored!, reference)]
          copies.push(Math.exp(plain / 0.01) / (Math.exp(plain / 0.01) + Math.exp(turned / 0.01)))
        }
      }
      near(check.score, mean(others), `score of ${id} in ${index}`)
      near(check.to_references, mean(references), 'to references')
      const shown = mean(others) ?? mean(references)
      if (shown !== null) own.push(shown)
    }
    const score = own.length === 0 ? null : Math.min(...own)
    near(report.frames[index]!.score, score, `score of frame ${index}`)
    if (score !== null) scores.push(score)
  }
  near(report.score, mean(scores), 'score')
  near(report.copy_paste, mean(copies), 'copy paste')
  const [poses, backgrounds]: [number[], number[]] = [[], []]
  for (const c of known.cast.keys()) {
    const masks = frames.flatMap(({ characters }) => characters[c]?.mask ?? [])
    const distances: number[] = []
    for (let i = 0; i < masks.length; i++)
      for (let j = 0; j < i; j++) distances.push(poseDistance(masks[i]!, masks[j]!)!)
    if (distances.length > 0) poses.push(mean(distances)!)
  }
  for (let i = 0; i < frames.length; i++)
    for (let j = 0; j < i; j++) backgrounds.push(backgroundDistance(frames[i]!, frames[j]!)!)
  near(report.pose_diversity, mean(poses), 'poses')
  near(report.background_diversity, mean(backgrounds), 'backgrounds')
  assert.deepEqual(
    [report.frames.map(({ redraws }) => redraws), report.frames[2]!.score, report.warnings],
    [[0, 2, 0, 0], null, ['so']],
  )
})

test('without a curve nothing is scored, and all else is there', () => {
  const report = reportOf(frames, { ...known, curve: null, references: [[], [], []] }, [])
  assert.deepEqual([report.score, report.copy_paste, report.frames[1]!.score], [null, null, null])
  assert.ok(report.pose_diversity! > 0 && report.background_diversity! > 0)
  assert.equal(frameScore([null, null, null], [], known), null)
  assert.deepEqual(reportOf([], known, []).frames, [])
})

test('a picture that is not square is cut out as it is', () => {
  // A red block in the lower right corner of blue, 16 × 8, on a grid of 8 × 4.
  const [width, height] = [16, 8]
  const rgb = new Uint8Array(3 * width * height)
  const own = new Uint8Array(8 * 4)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const inside = x >= 8 && y >= 4
      rgb.set(inside ? [255, 0, 0] : [0, 0, 255], 3 * (y * width + x))
      if (inside) own[(y >> 1) * 8 + (x >> 1)] = 1
    }
  const square = squareMask(own, { width: 8, height: 4 })
  assert.deepEqual([square.side, square.data.reduce((a, b) => a + b, 0)], [8, 8])
  assert.equal(squarePicture({ rgb, width, height }).size, 16)
  const reference = cutAlong({ rgb, width, height }, square, 32)!
  let covered = 0
  for (const [p, alpha] of reference.alpha.entries())
    if (alpha > 250) {
      covered++
      assert.ok(reference.rgb[3 * p]! > 250 && reference.rgb[3 * p + 2]! < 5, `pixel ${p}`)
    }
  assert.ok(covered > 200, `${covered} pixels are the block`)
  assert.equal(cutAlong({ rgb, width, height }, { side: 8, data: new Float32Array(64) }, 32), null)
})
