/**
 * `node test/demo-reference.ts`: draws `local/demo-reference.png`, the picture that the demo shows of its rabbit, with StoryDB's
 * renderer. The rabbit is held out: no training ever saw its combination of species, top and bottom.
 */
import { writeFileSync } from 'node:fs'
import { encodePng } from '../gpu-runner/src/engine/io/png.ts'
import { isHeldOut } from '../gpu-runner/src/lab/storydb/frames.ts'
import { renderFrame } from '../gpu-runner/src/lab/storydb/render.ts'
import type { Identity } from '../gpu-runner/src/lab/storydb/types.ts'

const rabbit: Identity = {
  species: 'rabbit',
  fur: 'white',
  top: { type: 'shirt', colour: 'green', pattern: 'plain' },
  bottom: { type: 'pants', colour: 'red' },
}
if (!isHeldOut(rabbit)) throw new Error('the rabbit of the demo is one of those that training sees')
const size = 128
const actor = { action: 'standing', expression: 'happy', facing: 'right', x: 0.5, y: 0.95, height: 0.84 } as const
const { rgb } = renderFrame(
  { scene: { place: 'park', time: 'day', layoutSeed: 1 }, actors: [{ identity: rabbit, ...actor }] },
  size,
)
writeFileSync(
  new URL('../local/demo-reference.png', import.meta.url),
  await encodePng({ rgb, width: size, height: size }),
)
