/**
 * Sets on disk: `set-000000/frame-0.png`, masks beside it, and labels.
 *
 * A set is written under another name and renamed when complete, so a set folder that exists is whole, and a run that
 * was broken off goes on where it stopped.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { captionFrame, captionText } from './caption.ts'
import { randomFrames } from './frames.ts'
import { attributeLabels, attributeValues } from './labels.ts'
import { hashText } from './random.ts'
import { renderFrame } from './render.ts'
import type { CharacterMasks, Frame, Level, Split } from './types.ts'

export type StoryDbOptions = {
  out: string
  sets: number
  frames: number
  seed: number
  level: Level
  split: Split
  size: number
}

const MASKS = ['mask', 'face', 'upper', 'lower'] as const satisfies (keyof CharacterMasks)[]
const SHEET = { columns: 8, rows: 5 }

/** Write what is missing of the sets, then `labels.jsonl` and `sheet.png`; yields how many sets are there. */
export async function* writeStoryDb(options: StoryDbOptions): AsyncGenerator<number> {
  await mkdir(options.out, { recursive: true })
  await claimFolder(options)
  const present = new Set(await readdir(options.out))
  for (let set = 0; set < options.sets; set++) {
    if (!present.has(setName(set))) await writeSet(options, set)
    yield set + 1
  }
  await writeLabels(options)
  await writeSheet(options)
}

/** Sets of different options must not mix in one folder, so the first run leaves its options there. */
async function claimFolder({ out, frames, seed, level, split, size }: StoryDbOptions): Promise<void> {
  const path = join(out, 'storydb.json')
  const wanted = JSON.stringify({ frames, seed, level, split, size })
  const found = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (found === undefined) await writeWhole(path, wanted)
  else if (found !== wanted) throw new Error(`${out} holds sets made with ${found}, not with ${wanted}`)
}

async function writeSet(options: StoryDbOptions, set: number): Promise<void> {
  const { out, seed, frames, level, split, size } = options
  const folder = join(out, setName(set))
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial)
  const lines: string[] = []
  for (const [index, frame] of randomFrames(seed, set, frames, { level, split }).entries()) {
    const { rgb, characters } = renderFrame(frame, size)
    const picture = `frame-${index}.png`
    await writePng(join(partial, picture), rgb, size, 3)
    const maskFiles: Record<string, string>[] = []
    for (const [i, masks] of characters.entries()) {
      const names: Record<string, string> = {}
      for (const kind of MASKS) {
        names[kind] = `frame-${index}.${i}.${kind}.png`
        await writePng(join(partial, names[kind]), masks[kind], size, 1)
      }
      maskFiles.push(names)
    }
    lines.push(JSON.stringify(describe(frame, set, index, picture, maskFiles, seed)))
  }
  await writeFile(join(partial, 'labels.jsonl'), `${lines.join('\n')}\n`)
  await rename(partial, folder)
}

/** One line of `labels.jsonl`; file names count from the output folder. */
function describe(
  frame: Frame,
  set: number,
  index: number,
  picture: string,
  maskFiles: Record<string, string>[],
  seed: number,
): object {
  const inFolder = (name: string) => `${setName(set)}/${name}`
  const caption = captionFrame(frame, { variant: hashText(`${seed}/${set}/${index}`) })
  return {
    set,
    frame: index,
    image: inFolder(picture),
    caption: captionText(caption),
    segments: caption.segments,
    scene: frame.scene,
    characters: frame.actors.map(({ x, y, height }, i) => ({
      attributes: attributeValues(frame, i),
      labels: attributeLabels(frame, i),
      mentions: caption.mentions[i],
      x,
      y,
      height,
      masks: Object.fromEntries(Object.entries(maskFiles[i]!).map(([kind, name]) => [kind, inFolder(name)])),
    })),
  }
}

async function writeLabels({ out, sets }: StoryDbOptions): Promise<void> {
  const parts: string[] = []
  for (let set = 0; set < sets; set++) parts.push(await readFile(join(out, setName(set), 'labels.jsonl'), 'utf8'))
  await writeWhole(join(out, 'labels.jsonl'), parts.join(''))
}

/** A contact sheet of the first frames, one set after another. */
async function writeSheet({ out, sets, frames, size }: StoryDbOptions): Promise<void> {
  const count = Math.min(sets * frames, SHEET.columns * SHEET.rows)
  const columns = Math.min(count, SHEET.columns)
  const tiles = Array.from({ length: count }, (_, i) => ({
    input: join(out, setName(Math.floor(i / frames)), `frame-${i % frames}.png`),
    left: (i % columns) * size,
    top: Math.floor(i / columns) * size,
  }))
  const sheet = { width: columns * size, height: Math.ceil(count / columns) * size, channels: 3 as const }
  const image = sharp({ create: { ...sheet, background: '#ffffff' } }).composite(tiles)
  await writeWhole(join(out, 'sheet.png'), await image.png().toBuffer())
}

async function writePng(path: string, bytes: Uint8Array, size: number, channels: 1 | 3): Promise<void> {
  await sharp(bytes, { raw: { width: size, height: size, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toFile(path)
}

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.partial`, content)
  await rename(`${path}.partial`, path)
}

const setName = (set: number): string => `set-${String(set).padStart(6, '0')}`
