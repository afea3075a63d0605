/** What the deeds of level 6 bring along, behind a character and before it; `hand` is where the near hand is. */
import { type Brush, bothSides, curve, detail, INK, limb, openLine, oval, polygon, shape, stroke } from './brush.ts'
import { drawTeddy, type HeldProp, heart, heldProps } from './props.ts'
import type { Actor, Prop } from './types.ts'

const isHeld = (prop: Prop | undefined): prop is HeldProp => prop !== undefined && prop in heldProps

/** `ground` is how far below the feet's usual place the ground is: a rider is lifted above it. */
export function drawBehindDeed(b: Brush, { action }: Actor, ground: number): void {
  b.part = 'held'
  if (action === 'riding') {
    for (const x of [-0.26, 0.3]) {
      limb(b, '#4b4458', 0.035, oval(x, ground - 0.13, 0.125))
      stroke(b, '#c9ced8', 0.012, openLine(x - 0.1, ground - 0.13, x + 0.1, ground - 0.13))
      stroke(b, '#c9ced8', 0.012, openLine(x, ground - 0.23, x, ground - 0.03))
    }
    limb(
      b,
      '#e5343c',
      0.042,
      openLine(-0.26, ground - 0.13, -0.1, ground - 0.3, 0.2, ground - 0.3, 0.02, ground - 0.1, -0.1, ground - 0.3),
    )
    limb(b, '#e5343c', 0.042, openLine(0.02, ground - 0.1, -0.26, ground - 0.13))
    limb(b, '#e5343c', 0.042, openLine(0.3, ground - 0.13, 0.2, ground - 0.36, 0.17, ground - 0.4))
  }
  if (action === 'painting') {
    for (const [x0, x1] of [
      [0.36, 0.29],
      [0.46, 0.53],
    ] as const)
      limb(b, '#8a5a34', 0.035, openLine(x0, -0.3, x1, 0))
    shape(b, '#fffaf0', (g) => g.roundRect(0.29, -0.6, 0.24, 0.32, 0.01))
    detail(b, '#64bdff', (g) => g.rect(0.31, -0.58, 0.2, 0.15))
    detail(b, '#5cb54c', (g) => g.rect(0.31, -0.43, 0.2, 0.13))
    detail(b, '#ffd84d', oval(0.44, -0.52, 0.036))
    detail(b, '#e5343c', polygon(0.335, -0.38, 0.385, -0.45, 0.435, -0.38))
  }
}

export function drawDeed(b: Brush, { action, prop }: Actor, [x, y]: readonly [number, number]): void {
  b.part = 'held'
  if (action === 'holding' && isHeld(prop)) heldProps[prop](b, x, y)
  if (action === 'hugging') {
    if (prop === 'teddy bear') drawTeddy(b, 0.01, -0.3, 0.095)
    shape(b, '#ff4d6d', heart(0.33, -0.6, 0.062))
    shape(b, '#ff8fa6', heart(0.4, -0.75, 0.042))
  }
  if (action === 'giving') {
    shape(b, '#2f6be0', (g) => g.roundRect(x - 0.04, y - 0.2, 0.22, 0.19, 0.015))
    detail(b, '#ffd84d', (g) => g.rect(x + 0.05, y - 0.195, 0.045, 0.18))
    shape(
      b,
      '#ffd84d',
      bothSides((s) => oval(x + 0.07 + s * 0.05, y - 0.225, 0.05, 0.028, s * -0.4)),
    )
  }
  if (action === 'painting') {
    limb(b, '#8a5a34', 0.026, openLine(x - 0.05, y + 0.05, x + 0.05, y - 0.05))
    detail(b, '#e5343c', oval(x + 0.06, y - 0.06, 0.026))
    shape(b, '#d9a066', oval(-0.25, -0.19, 0.095, 0.062, -0.2))
    for (const [dx, dy, colour] of [
      [-0.05, -0.005, '#e5343c'],
      [0, -0.025, '#2f6be0'],
      [0.045, -0.02, '#ffd43b'],
    ] as const)
      detail(b, colour, oval(-0.25 + dx, -0.19 + dy, 0.019))
  }
  if (action === 'singing') {
    limb(b, '#4b4458', 0.042, openLine(x + 0.02, y + 0.06, x - 0.035, y - 0.07))
    shape(b, '#b9c0cc', oval(x - 0.045, y - 0.095, 0.045))
    for (const [nx, ny, s] of [
      [0.34, -0.62, 1],
      [0.4, -0.8, 0.75],
    ] as const) {
      limb(
        b,
        '#ffffff',
        0.03 * s,
        openLine(nx + 0.035 * s, ny, nx + 0.035 * s, ny - 0.12 * s, nx + 0.09 * s, ny - 0.09 * s),
      )
      shape(b, '#ffffff', oval(nx, ny, 0.042 * s, 0.032 * s, -0.3))
    }
  }
  if (action === 'fishing') {
    limb(b, '#a8702f', 0.026, curve(x - 0.04, y + 0.06, x + 0.08, y - 0.2, 0.47, -0.6))
    stroke(b, '#ffffff', 0.012, openLine(0.47, -0.6, 0.47, -0.3))
    shape(b, '#ff9a2e', polygon(0.47, -0.12, 0.41, -0.05, 0.53, -0.05))
    shape(b, '#ff9a2e', oval(0.47, -0.2, 0.058, 0.1))
    detail(b, '#ffffff', oval(0.47, -0.25, 0.022))
    detail(b, INK, oval(0.473, -0.252, 0.012))
  }
  if (action === 'drinking') {
    limb(b, '#ff8fc0', 0.022, openLine(x - 0.02, y - 0.1, x - 0.06, y - 0.17, x - 0.12, y - 0.16))
    shape(b, '#bfe6ff', polygon(x - 0.075, y - 0.11, x + 0.075, y - 0.11, x + 0.055, y + 0.06, x - 0.055, y + 0.06))
    detail(b, '#ff9a2e', polygon(x - 0.058, y - 0.06, x + 0.058, y - 0.06, x + 0.045, y + 0.048, x - 0.045, y + 0.048))
  }
}

/** Water up to the waist, and a ring to swim with. Water hides, and is nobody's. */
export function drawWater(b: Brush): void {
  const { g } = b
  b.part = 'held'
  shape(b, '#ff5a5f', (p) => p.ellipse(0, -0.215, 0.27, 0.075, 0, 0, 2 * Math.PI))
  for (const x of [-0.19, -0.02, 0.15])
    detail(b, '#ffffff', polygon(x - 0.035, -0.275, x + 0.035, -0.28, x + 0.045, -0.15, x - 0.04, -0.15))
  const before = g.globalCompositeOperation
  if (b.mask) g.globalCompositeOperation = 'destination-out'
  g.beginPath()
  g.moveTo(-0.52, -0.12)
  for (let i = 0; i < 6; i++) g.quadraticCurveTo(-0.52 + (i + 0.5) * 0.173, -0.225, -0.52 + (i + 1) * 0.173, -0.16)
  g.bezierCurveTo(0.58, 0.04, 0.2, 0.06, 0, 0.06)
  g.bezierCurveTo(-0.2, 0.06, -0.58, 0.04, -0.52, -0.16)
  g.fillStyle = '#3fa2ee'
  g.fill()
  g.globalCompositeOperation = before
  stroke(b, '#c6e9ff', 0.022, (p) => {
    for (const [x, y] of [
      [-0.3, -0.08],
      [0.08, -0.05],
      [-0.12, 0.01],
      [0.28, -0.1],
    ] as const) {
      p.moveTo(x, y)
      p.quadraticCurveTo(x + 0.06, y - 0.035, x + 0.12, y)
    }
  })
}
