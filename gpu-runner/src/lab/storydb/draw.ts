/** Frames as files: the picture, masks of every character, and the label that says what all of it shows. */
import sharp from 'sharp'
import { captionFrame, captionStyle, captionText, describeIdentity } from './caption.ts'
import { randomFrames } from './frames.ts'
import { attributeLabels, attributeValues } from './labels.ts'
import type { Level } from './levels.ts'
import { levelOf, type StoryDbOptions, setName } from './options.ts'
import { type Layout, layoutOf } from './places.ts'
import { hashText } from './random.ts'
import { renderFrame } from './render.ts'
import type { CharacterMasks, Frame, Scene, Segment } from './types.ts'
import type { Attribute, Value } from './vocabulary.ts'

const MASKS = ['mask', 'face', 'upper', 'lower'] as const satisfies (keyof CharacterMasks)[]

export type FrameLabel = {
  set: number
  frame: number
  level: Level
  /** Names of files count from the output folder, or are those in the shard. */
  image: string
  /** Sizes of the picture's file and of those of all masks. */
  bytes: { image: number; masks: number }
  caption: string
  segments: Segment[]
  scene: Scene
  layout: Layout
  characters: CharacterLabel[]
}

type CharacterLabel = {
  /** The identity alone, all of it, as one describes a character to the API. */
  description: string
  attributes: { [A in Attribute]: Value<A> }
  labels: Record<Attribute, number>
  mentions: Attribute[]
  x: number
  y: number
  height: number
  masks: Record<(typeof MASKS)[number], string>
}

export type DrawnFrame = { files: { name: string; bytes: Uint8Array }[]; stem: string; label: FrameLabel }

/** The frames of one set in order. While a frame's files are packed the next one is drawn; no more are ever held. */
export async function* drawSet(options: StoryDbOptions, set: number): AsyncGenerator<DrawnFrame> {
  const { seed, frames, split } = options
  const level = levelOf(options.level, set)
  let packing: Promise<DrawnFrame> | undefined
  for (const [index, frame] of randomFrames(seed, set, frames, { level, split }).entries()) {
    const next = packFrame(options, set, index, frame, level)
    if (packing) yield await packing
    packing = next
  }
  if (packing) yield await packing
}

async function packFrame(
  { seed, size }: StoryDbOptions,
  set: number,
  index: number,
  frame: Frame,
  level: Level,
): Promise<DrawnFrame> {
  const stem = `${setName(set)}/frame-${index}`
  const { rgb, characters } = renderFrame(frame, size)
  const image = packPng(`${stem}.png`, rgb, size, 3)
  const masks = characters.flatMap((of, i) => MASKS.map((kind) => packPng(maskName(stem, i, kind), of[kind], size, 1)))
  const files = await Promise.all([image, ...masks])
  const [picture, ...rest] = files.map(({ bytes }) => bytes.length)
  const style = captionStyle(level)
  const caption = captionFrame(frame, { variant: hashText(`${seed}/${set}/${index}`), style })
  const label: FrameLabel = {
    set,
    frame: index,
    level,
    image: `${stem}.png`,
    bytes: { image: picture!, masks: rest.reduce((sum, length) => sum + length, 0) },
    caption: captionText(caption),
    segments: caption.segments,
    scene: frame.scene,
    layout: layoutOf(frame.scene),
    characters: frame.actors.map(({ identity, x, y, height }, i) => ({
      description: captionText(describeIdentity(identity, hashText(`${seed}/${set}/${identity.species}`), { style })),
      attributes: attributeValues(frame, i),
      labels: attributeLabels(frame, i),
      mentions: caption.mentions[i]!,
      x,
      y,
      height,
      masks: {
        mask: maskName(stem, i, 'mask'),
        face: maskName(stem, i, 'face'),
        upper: maskName(stem, i, 'upper'),
        lower: maskName(stem, i, 'lower'),
      },
    })),
  }
  return { files, stem, label }
}

const maskName = (stem: string, character: number, kind: keyof CharacterMasks): string =>
  `${stem}.${character}.${kind}.png`

async function packPng(name: string, pixels: Uint8Array, size: number, channels: 1 | 3) {
  const image = sharp(pixels, { raw: { width: size, height: size, channels } })
  return {
    name,
    bytes: await image
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .png()
      .toBuffer(),
  }
}
