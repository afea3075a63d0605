import assert from 'node:assert/strict'
import { test } from 'node:test'
import { issuesOf } from './problem.ts'
import { StoryRequest } from './story.ts'

const fox = { id: 'fox', name: 'Mara', description: 'a red fox in a green coat' }
const frames = [{ prompt: 'Mara wakes up' }, { prompt: 'Mara sets out', characters: ['fox'] }]
const story = { characters: [fox], frames }

/** `pointer: message` of every fault of a body. */
function faults(body: unknown): string[] {
  const parsed = StoryRequest.safeParse(body)
  return parsed.success ? [] : issuesOf(parsed.error).map((issue) => `${issue.pointer}: ${issue.message}`)
}

test('a story needs no more than a frame, and what is left out is the choice of the model', () => {
  const parsed = StoryRequest.parse({ frames: [{ prompt: '  a lighthouse ' }] })
  assert.deepEqual(parsed.frames, [{ prompt: 'a lighthouse' }])
  assert.deepEqual([parsed.width, parsed.steps, parsed.seed, parsed.characters], [null, null, null, []])
  assert.deepEqual(faults(story), [])
})

test('each wrong value is pointed at, with what would be right', () => {
  const cases: [unknown, string[]][] = [
    [{ ...story, frames: [] }, ['/frames: at least 1 frame']],
    [{ ...story, frames: Array(49).fill(frames[0]) }, ['/frames: at most 48 frames']],
    [{}, ['/frames: required']],
    [{ frames: [{}] }, ['/frames/0/prompt: required']],
    [{ frames: [{ prompt: ' ' }] }, ['/frames/0/prompt: must not be blank']],
    [{ ...story, width: 65 }, ['/width: a multiple of 8']],
    [{ ...story, height: 100_000 }, ['/height: 64 to 2048']],
    [{ ...story, steps: 0 }, ['/steps: 1 to 100']],
    [{ ...story, guidance_rescale: 2 }, ['/guidance_rescale: 0 to 1']],
    [{ ...story, guidance_interval: [0.8, 0.2] }, ['/guidance_interval: the start must come before the end']],
    [{ ...story, clip_skip: -1 }, ['/clip_skip: 0 to 12']],
    [{ ...story, steps: 1.5 }, ['/steps: expected a whole number']],
    [
      { ...story, anchors: [{ character: 'cat', picture: 'https://a.example/' }] },
      ['/anchors/0/character: unknown character cat; declared are fox'],
    ],
    [{ ...story, anchors: [{ character: 'fox' }] }, ['/anchors/0/picture: required, since fox has no references']],
    [{ ...story, bank: 'http://a.example/' }, ['/bank: an https URL, or sha256:… of a bank that the edge keeps']],
    [{ ...story, frame: [] }, ['/frame: unknown field']],
    [{ ...story, characters: [{ ...fox, 'a/b': 1 }] }, ['/characters/0/a~1b: unknown field']],
    [{ ...story, webhook: 'ftp://app.test/' }, ['/webhook: an absolute http(s) URL']],
    [[], [': expected an object, not a list']],
  ]
  for (const [body, expected] of cases) assert.deepEqual(faults(body), expected)
})

test('a frame is bounded by its area: every shape that SDXL was trained at fits, lying and standing', () => {
  const sizes = [
    [1024, 1024],
    [1152, 896],
    [1216, 832],
    [1344, 768],
    [1536, 640],
    [2048, 512],
  ] as const
  for (const [width, height] of sizes) {
    assert.deepEqual(faults({ ...story, width, height }), [])
    assert.deepEqual(faults({ ...story, width: height, height: width }), [])
  }
  const message = '1032×1024 are 1056768 pixels; a frame has at most 1048576'
  assert.deepEqual(faults({ ...story, width: 1032, height: 1024 }), [`/width: ${message}`])
  assert.deepEqual(faults({ ...story, width: 1024, height: 1032 }), [
    `/height: ${message.replace('1032×1024', '1024×1032')}`,
  ])
  assert.deepEqual(faults({ ...story, width: 2048 }), [])
  assert.deepEqual(faults({ ...story, width: 2056 }), ['/width: 64 to 2048'])
})

test('frames name declared characters once, and characters have different names', () => {
  const cast = (...characters: string[]) => ({ ...story, frames: [{ prompt: 'x', characters }] })
  assert.deepEqual(faults(cast('bear')), ['/frames/0/characters/0: unknown character bear; declared are fox'])
  assert.deepEqual(faults({ frames: cast('bear').frames }), [
    '/frames/0/characters/0: unknown character bear; no characters are declared',
  ])
  assert.deepEqual(faults(cast('fox', 'fox')), ['/frames/0/characters/1: fox is named twice'])
  assert.deepEqual(faults({ ...story, characters: [fox, { ...fox, name: 'Bo' }] }), [
    '/characters/1/id: another character has the id fox',
  ])
  assert.deepEqual(faults({ ...story, characters: [fox, { ...fox, id: 'b', name: 'MARA' }] }), [
    '/characters/1/name: another character is called MARA',
  ])
})

test('references are https URLs or pictures in place, metadata is small and flat', () => {
  const withReference = (reference: string) => ({ ...story, characters: [{ ...fox, references: [reference] }] })
  assert.deepEqual(faults(withReference('https://app.test/fox.png')), [])
  assert.deepEqual(faults(withReference('data:image/png;base64,iVBORw0K')), [])
  for (const wrong of ['http://app.test/fox.png', 'data:text/html;base64,AAAA', 'fox.png'])
    assert.match(faults(withReference(wrong))[0] ?? '', /^\/characters\/0\/references\/0: an https URL, or data:/)
  assert.deepEqual(faults({ ...story, metadata: { order: 7, note: null } }), [])
  assert.equal(faults({ ...story, metadata: { nested: {} } }).length, 1)
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, i]))
  assert.deepEqual(faults({ ...story, metadata: many }), ['/metadata: at most 16 entries'])
})
