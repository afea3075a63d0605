/** A whole character, drawn facing right with the feet at (0, 0) and a height of 1, hat or ears included. */
import { type Brush, detail, INK, limb, openLine, oval, type Path, shape, stroke } from './brush.ts'
import { drawBehindDeed, drawDeed, drawWater } from './deeds.ts'
import { drawBackHair, drawHead, drawTail, footOf, skinOf } from './heads.ts'
import { CLOTH, patternOn } from './palette.ts'
import { type Pose, poseOf } from './poses.ts'
import { drawBehindHolder } from './props.ts'
import type { Action, Actor, Identity } from './types.ts'
import { drawBehind, drawHeld, drawOnHead, drawScarf, drawStraps } from './wear.ts'

const SHOULDER = { x: 0.135, y: -0.345 }
const HIP = { x: 0.07, y: -0.17 }
const HEAD_PIVOT_Y = -0.4

/** Actions whose hands come before what they hold. */
const grips: Partial<Record<Action, 'near' | 'both'>> = {
  ...{ reading: 'both', balloon: 'near', eating: 'near', flower: 'near', holding: 'near' },
  ...{ giving: 'both', painting: 'near', singing: 'near', fishing: 'both', drinking: 'near', riding: 'both' },
}

export function drawCharacter(b: Brush, actor: Actor): void {
  const { identity, action, expression, facing, prop } = actor
  const { g } = b
  const pose = poseOf(actor)
  g.save()
  if (pose.lying) {
    drawSnore(b, facing === 'left' ? -1 : 1)
    g.translate(0.45 * pose.scale, -0.28 * pose.scale)
    g.rotate(-Math.PI / 2)
  }
  g.scale(pose.scale, pose.scale)
  g.translate(0, -pose.lift)
  g.rotate(pose.lean)
  if (action === 'holding') drawBehindHolder(b, prop, pose.near[2], pose.near[3])
  if (!pose.lying) drawTail(b, identity)
  drawBehindDeed(b, actor, pose.lift)
  drawBehind(b, identity)
  tilted(b, pose, () => drawBackHair(b, identity))
  if (!pose.seated) drawLegs(b, identity, pose)
  drawTorso(b, identity)
  if (pose.seated) drawLegs(b, identity, pose)
  drawStraps(b, identity)
  const raised = (limbPose: Pose['near']) => limbPose[3] < -0.45
  if (!raised(pose.far)) drawArm(b, identity, -1, pose.far)
  if (!raised(pose.near)) drawArm(b, identity, 1, pose.near)
  tilted(b, pose, () => {
    if (identity.species === 'frog') drawFrogHat(b, identity)
    drawHead(b, identity, expression, pose.eyesClosed)
    if (identity.species !== 'frog' || identity.accessory?.type === 'glasses') drawOnHead(b, identity)
  })
  drawScarf(b, identity)
  drawHeld(b, action, [pose.near[2], pose.near[3]])
  const grip = grips[action]
  drawDeed(b, actor, [pose.near[2], pose.near[3]])
  // Arms go around what is hugged.
  if (action === 'hugging')
    for (const [side, arm] of [
      [-1, pose.far],
      [1, pose.near],
    ] as const)
      drawArm(b, identity, side, arm)
  if (grip) drawHand(b, identity, pose.near)
  if (grip === 'both' || prop === 'guitar') drawHand(b, identity, pose.far)
  if (raised(pose.far)) drawArm(b, identity, -1, pose.far)
  if (raised(pose.near)) drawArm(b, identity, 1, pose.near)
  if (action === 'swimming') drawWater(b)
  g.restore()
}

/** Two letters Z over the head of who lies asleep; `mirror` keeps them readable in a mirrored character. */
function drawSnore(b: Brush, mirror: 1 | -1): void {
  for (const [x, y, r] of [
    [-0.08, -0.56, 0.05],
    [0.07, -0.69, 0.065],
  ] as const) {
    const dx = r * mirror
    for (const [colour, width] of [
      [INK, 0.062],
      ['#ffffff', 0.034],
    ] as const) {
      stroke(b, colour, width, openLine(x - dx, y - r, x + dx, y - r, x - dx, y + r, x + dx, y + r))
    }
  }
}

/** Draw with the head's tilt about the neck. */
function tilted({ g }: Brush, { tilt }: Pose, draw: () => void): void {
  g.save()
  g.translate(0, HEAD_PIVOT_Y)
  g.rotate(tilt)
  g.translate(0, -HEAD_PIVOT_Y)
  draw()
  g.restore()
}

function drawFrogHat(b: Brush, identity: Identity): void {
  if (identity.accessory?.type === 'glasses') return
  b.g.save()
  b.g.translate(0, identity.accessory?.type === 'cap' ? -0.09 : -0.04)
  drawOnHead(b, identity)
  b.g.restore()
}

function drawLegs(b: Brush, identity: Identity, pose: Pose): void {
  const { nearLeg, farLeg } = pose
  b.part = 'lower'
  const { type, colour } = identity.bottom
  const cloth = CLOTH[colour]
  const skin = skinOf(identity)
  if (pose.seated) drawHips(b, identity)
  for (const [side, [kneeX, kneeY, footX, footY]] of [
    [-1, farLeg],
    [1, nearLeg],
  ] as const) {
    const leg = (end: number): Path => bent(side * HIP.x, HIP.y, kneeX, kneeY, footX, footY, end)
    if (!pose.seated) shape(b, footOf(identity), oval(footX + 0.02, footY + 0.012, 0.075, 0.045))
    limb(b, type === 'pants' ? cloth : skin, 0.1, leg(1))
    if (type === 'shorts') limb(b, cloth, 0.125, leg(0.5))
    if (pose.seated) shape(b, footOf(identity), oval(footX, footY, 0.062, 0.072))
  }
  if (!pose.seated) drawHips(b, identity)
}

function drawHips(b: Brush, { bottom: { type, colour } }: Identity): void {
  const cloth = CLOTH[colour]
  if (type === 'skirt') {
    shape(b, cloth, (g) => {
      g.moveTo(-0.13, -0.24)
      g.lineTo(-0.235, -0.1)
      g.quadraticCurveTo(0, -0.06, 0.235, -0.1)
      g.lineTo(0.13, -0.24)
    })
  } else shape(b, cloth, (g) => g.roundRect(-0.14, -0.23, 0.28, 0.1, 0.04))
}

const torso: Path = (g) => {
  g.moveTo(-0.12, -0.42)
  g.lineTo(0.12, -0.42)
  g.quadraticCurveTo(0.17, -0.36, 0.175, -0.19)
  g.quadraticCurveTo(0, -0.165, -0.175, -0.19)
  g.quadraticCurveTo(-0.17, -0.36, -0.12, -0.42)
  g.closePath()
}

function drawTorso(b: Brush, { top }: Identity): void {
  const { g } = b
  b.part = 'upper'
  const cloth = CLOTH[top.colour]
  const ink = patternOn(top.colour)
  shape(b, cloth, torso)
  if (b.mask) return
  g.save()
  g.beginPath()
  torso(g)
  g.clip()
  if (top.pattern === 'striped')
    for (const y of [-0.365, -0.295, -0.225]) detail(b, ink, (p) => p.rect(-0.3, y, 0.6, 0.034))
  if (top.pattern === 'dotted') {
    for (const [x, y] of [
      [-0.1, -0.33],
      [0.1, -0.33],
      [0, -0.275],
      [-0.1, -0.22],
      [0.1, -0.22],
    ] as const)
      detail(b, ink, oval(x, y, 0.03))
  }
  const shade = top.colour === 'black' ? '#ffffff40' : '#00000030'
  if (top.type === 'sweater') detail(b, shade, (p) => p.rect(-0.3, -0.215, 0.6, 0.06))
  if (top.type === 'jacket') {
    detail(b, top.colour === 'white' ? '#93a4c4' : '#ffffff', (p) => {
      p.moveTo(-0.06, -0.42)
      p.lineTo(0.1, -0.42)
      p.lineTo(0.045, -0.16)
      p.lineTo(0.005, -0.16)
    })
  }
  if (top.type === 'hoodie') detail(b, shade, (p) => p.roundRect(-0.09, -0.265, 0.19, 0.085, 0.03))
  g.restore()
  shape(b, '#00000000', torso)
}

function drawArm(b: Brush, identity: Identity, side: -1 | 1, [bendX, bendY, handX, handY]: Pose['near']): void {
  b.part = 'upper'
  const { top } = identity
  const cloth = CLOTH[top.colour]
  const arm = (end: number): Path => bent(side * SHOULDER.x, SHOULDER.y, bendX, bendY, handX, handY, end)
  const sleeve = top.type === 'shirt' ? 0.5 : 0.85
  limb(b, skinOf(identity), 0.08, arm(1))
  shape(b, skinOf(identity), oval(handX, handY, 0.05))
  detail(b, skinOf(identity), oval(handX, handY, 0.045))
  limb(b, cloth, 0.1, arm(sleeve))
  if (top.pattern === 'striped') band(b, patternOn(top.colour), arm(sleeve))
  if (top.pattern === 'dotted')
    detail(b, patternOn(top.colour), oval((side * SHOULDER.x + bendX) / 2, (SHOULDER.y + bendY) / 2, 0.024))
}

/** Cross stripes along a sleeve. */
function band(b: Brush, colour: string, path: Path): void {
  if (b.mask) return
  const { g } = b
  g.save()
  g.lineCap = 'butt'
  g.setLineDash([0.034, 0.036])
  g.lineDashOffset = -0.03
  g.beginPath()
  path(g)
  g.strokeStyle = colour
  g.lineWidth = 0.1 - b.line
  g.stroke()
  g.restore()
}

function drawHand(b: Brush, identity: Identity, [, , x, y]: Pose['near']): void {
  b.part = 'upper'
  shape(b, skinOf(identity), oval(x, y, 0.05))
}

/** The first `end` (0..1) of a limb from (x0, y0) over a bend to (x1, y1): a quadratic curve, cut by de Casteljau. */
function bent(x0: number, y0: number, bendX: number, bendY: number, x1: number, y1: number, end: number): Path {
  const cx = x0 + (bendX - x0) * end
  const cy = y0 + (bendY - y0) * end
  const dx = bendX + (x1 - bendX) * end
  const dy = bendY + (y1 - bendY) * end
  return (g) => {
    g.moveTo(x0, y0)
    g.quadraticCurveTo(cx, cy, cx + (dx - cx) * end, cy + (dy - cy) * end)
  }
}
