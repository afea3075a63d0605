/** Frames to pixels: the picture, and for every character exact masks of what of it is visible. */
import { type Canvas, createCanvas, type SKRSContext2D } from '@napi-rs/canvas'
import type { Brush } from './brush.ts'
import { drawCharacter } from './character.ts'
import { drawPlace } from './places.ts'
import { poseOf } from './poses.ts'
import { standingProps } from './props.ts'
import type { Actor, CharacterMasks, Frame, RenderedFrame } from './types.ts'

/** Outlines in character heights, and their least width in fractions of the frame for small characters. */
const LINE = 0.017
const LEAST_LINE = 0.0105

/** From a character's middle to that of what stands beside it, in character heights. */
const PROP_DISTANCE = 0.55

export function renderFrame(frame: Frame, size: number): RenderedFrame {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`renderFrame: size ${size}`)
  const g = contextOf(size)
  const apart = frame.scene.edition === 2
  drawPlace(g, frame.scene)
  for (const actor of frame.actors) drawShadow(g, actor)
  for (const actor of frame.actors) drawBeside(g, actor)
  for (const actor of frame.actors) drawActor(g, actor, { mask: false, apart })
  const pixels = g.getImageData(0, 0, size, size).data
  const rgb = new Uint8Array(3 * size * size)
  for (let i = 0, o = 0; i < pixels.length; i += 4) {
    rgb[o++] = pixels[i]!
    rgb[o++] = pixels[i + 1]!
    rgb[o++] = pixels[i + 2]!
  }
  return { rgb, characters: frame.actors.map((_, i) => renderMasks(g, frame.actors, i, size, apart)) }
}

/** Character `index` alone, in part colours on a transparent ground; characters in front of it erase it. */
function renderMasks(
  g: SKRSContext2D,
  actors: readonly Actor[],
  index: number,
  size: number,
  apart: boolean,
): CharacterMasks {
  g.clearRect(0, 0, 1, 1)
  drawActor(g, actors[index]!, { mask: true, apart })
  g.globalCompositeOperation = 'destination-out'
  for (const actor of actors.slice(index + 1)) drawActor(g, actor, { mask: true, apart })
  g.globalCompositeOperation = 'source-over'
  const pixels = g.getImageData(0, 0, size, size).data
  const n = size * size
  const [mask, face, upper, lower] = [new Uint8Array(n), new Uint8Array(n), new Uint8Array(n), new Uint8Array(n)]
  for (let i = 0; i < n; i++) {
    const alpha = pixels[4 * i + 3]!
    if (!alpha) continue
    mask[i] = alpha
    // Pixels come with straight alpha, so a colour times alpha is the area its part covers; floor keeps the sum below.
    face[i] = (pixels[4 * i]! * alpha) / 255
    upper[i] = (pixels[4 * i + 1]! * alpha) / 255
    lower[i] = (pixels[4 * i + 2]! * alpha) / 255
  }
  return { mask, face, upper, lower }
}

function drawActor(g: SKRSContext2D, actor: Actor, { mask, apart }: Pick<Brush, 'mask' | 'apart'>): void {
  g.save()
  g.translate(actor.x, actor.y)
  g.scale(actor.facing === 'left' ? -actor.height : actor.height, actor.height)
  const brush: Brush = { g, line: Math.max(LINE, LEAST_LINE / actor.height), mask, part: 'face', apart }
  drawCharacter(brush, actor)
  g.restore()
}

/** What stands beside a character, at its back; that is scenery, and in nobody's mask. */
function drawBeside(g: SKRSContext2D, { prop, x, y, height, facing }: Actor): void {
  if (!prop || !(prop in standingProps)) return
  g.save()
  g.translate(x + (facing === 'left' ? 1 : -1) * PROP_DISTANCE * height, y - 0.03)
  g.scale(height, height)
  standingProps[prop as keyof typeof standingProps]({
    g,
    line: Math.max(LINE, LEAST_LINE / height),
    mask: false,
    part: 'held',
    apart: true,
  })
  g.restore()
}

function drawShadow(g: SKRSContext2D, actor: Actor): void {
  const { x, y, height } = actor
  const { lift, lying } = poseOf(actor)
  if (actor.action === 'swimming') return
  const width = height * (lying ? 0.42 : lift > 0.05 ? 0.16 : 0.24)
  g.beginPath()
  g.ellipse(x, y, width, height * 0.035, 0, 0, 2 * Math.PI)
  g.fillStyle = '#1a103055'
  g.fill()
}

const canvases = new Map<number, Canvas>()

/** A context whose unit square is the whole canvas; canvases are kept by size, as making one costs more than a frame. */
function contextOf(size: number): SKRSContext2D {
  let canvas = canvases.get(size)
  if (!canvas) canvases.set(size, (canvas = createCanvas(size, size)))
  const g = canvas.getContext('2d')
  g.setTransform(size, 0, 0, size, 0, 0)
  g.lineCap = 'round'
  g.lineJoin = 'round'
  return g
}
