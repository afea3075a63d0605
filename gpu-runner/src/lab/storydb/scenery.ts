/** Pieces that places are built from. Coordinates are fractions of the frame, (0, 0) at the top left. */
import type { SKRSContext2D } from '@napi-rs/canvas'
import { openLine, oval, type Path, polygon } from './brush.ts'
import { tone } from './palette.ts'
import type { Time } from './types.ts'

/** What a place is painted with; `near` and `far` in -1..1 move its landmarks. */
export type Stage = { g: SKRSContext2D; time: Time; near: number; far: number }

/** A flat shape in the light of the time of day. */
export function paint({ g, time }: Stage, colour: string, path: Path): void {
  glow({ g }, tone(colour, time), path)
}

/** A flat shape that keeps its colour at night: lamps, lit windows, the moon. */
export function glow({ g }: Pick<Stage, 'g'>, colour: string, path: Path): void {
  g.beginPath()
  path(g)
  g.fillStyle = colour
  g.fill()
}

export const box =
  (x: number, y: number, width: number, height: number): Path =>
  (g) =>
    g.rect(x, y, width, height)

export function gradient(g: SKRSContext2D, top: string, bottom: string, height = 1): void {
  const fill = g.createLinearGradient(0, 0, 0, height)
  fill.addColorStop(0, top)
  fill.addColorStop(1, bottom)
  g.fillStyle = fill
  g.fillRect(0, 0, 1, 1)
}

const skies: Record<Time, [top: string, bottom: string]> = {
  day: ['#64bdff', '#d3f0ff'],
  sunset: ['#ff7b63', '#ffc983'],
  night: ['#121845', '#31408f'],
}

/** The sky with a sun, a low sun, or a moon with four stars, near (x, y). */
export function sky(stage: Stage, x = 0.85, y = 0.15): void {
  const { g, time, near } = stage
  gradient(g, ...skies[time], 0.7)
  skyLight(stage, x + 0.03 * near, y)
  if (time === 'day') cloud(stage, 0.2 + 0.05 * near, 0.16, '#ffffff')
  if (time === 'sunset') cloud(stage, 0.2 + 0.05 * near, 0.16, '#ffd2a8')
  if (time === 'night')
    for (const [sx, sy] of [
      [0.1, 0.1],
      [0.3, 0.2],
      [0.55, 0.07],
      [0.68, 0.24],
    ] as const)
      star(stage, sx, sy, 0.016)
}

function skyLight({ g, time }: Pick<Stage, 'g' | 'time'>, x: number, y: number, size = 1): void {
  if (time === 'day') glow({ g }, '#ffe14a', oval(x, y, 0.085 * size))
  if (time === 'sunset') glow({ g }, '#ffe066', oval(x - 0.03, y + 0.12 * size, 0.12 * size))
  if (time === 'night') {
    glow({ g }, '#fff2bd', (p) => {
      p.arc(x, y, 0.085 * size, 0.25 * Math.PI, 1.5 * Math.PI)
      p.quadraticCurveTo(x - 0.055 * size, y + 0.015 * size, x + 0.06 * size, y + 0.06 * size)
    })
  }
}

export function star({ g }: Pick<Stage, 'g'>, x: number, y: number, r: number): void {
  glow(
    { g },
    '#fff6d0',
    polygon(
      x,
      y - r,
      x + r * 0.35,
      y - r * 0.35,
      x + r,
      y,
      x + r * 0.35,
      y + r * 0.35,
      x,
      y + r,
      x - r * 0.35,
      y + r * 0.35,
      x - r,
      y,
      x - r * 0.35,
      y - r * 0.35,
    ),
  )
}

function cloud({ g }: Stage, x: number, y: number, colour: string): void {
  glow({ g }, colour, (p) => {
    p.ellipse(x, y, 0.14, 0.045, 0, 0, 2 * Math.PI)
    p.ellipse(x - 0.03, y - 0.035, 0.065, 0.055, 0, 0, 2 * Math.PI)
    p.ellipse(x + 0.05, y - 0.02, 0.05, 0.045, 0, 0, 2 * Math.PI)
  })
}

/** Ground that reaches from a gently curved horizon at height `y` to the bottom. */
export function ground(stage: Stage, colour: string, y: number, bulge = 0.03): void {
  paint(stage, colour, (p) => {
    p.moveTo(0, y + bulge)
    p.quadraticCurveTo(0.5, y - bulge, 1, y + bulge)
    p.lineTo(1, 1)
    p.lineTo(0, 1)
  })
}

export function pine(stage: Stage, x: number, base: number, h: number, snowy = false): void {
  const w = h * 0.32
  paint(stage, '#7a4e2c', box(x - 0.022, base - 0.08, 0.044, 0.08))
  for (const [k, [bottom, top, width]] of (
    [
      [0.1, 0.55, 1],
      [0.36, 0.78, 0.8],
      [0.6, 1, 0.6],
    ] as const
  ).entries()) {
    paint(
      stage,
      k % 2 ? '#237a48' : '#1b6a3d',
      polygon(x - w * width, base - h * bottom, x, base - h * top, x + w * width, base - h * bottom),
    )
    if (snowy)
      paint(
        stage,
        '#ffffff',
        polygon(
          x - w * width * 0.4,
          base - h * (bottom + (top - bottom) * 0.6),
          x,
          base - h * top,
          x + w * width * 0.4,
          base - h * (bottom + (top - bottom) * 0.6),
        ),
      )
  }
}

export function roundTree(stage: Stage, x: number, base: number, h: number): void {
  paint(stage, '#8a5a34', box(x - 0.03, base - h * 0.5, 0.06, h * 0.5))
  paint(stage, '#3f9a3c', oval(x, base - h * 0.68, h * 0.33))
  paint(stage, '#5cb84f', oval(x - h * 0.07, base - h * 0.74, h * 0.21))
  for (const [dx, dy] of [
    [-0.17, -0.6],
    [0.08, -0.84],
    [0.17, -0.58],
  ] as const)
    paint(stage, '#e8403c', oval(x + dx * h, base + dy * h, 0.028))
}

/** A window with the sky of the hour behind it. */
export function roomWindow(stage: Stage, x: number, y: number, w: number, h: number): void {
  const { g, time } = stage
  paint(stage, '#fff8ea', box(x - 0.025, y - 0.025, w + 0.05, h + 0.05))
  glow(stage, { day: '#8fd3ff', sunset: '#ff9a6b', night: '#1a2360' }[time], box(x, y, w, h))
  skyLight({ g, time }, x + w * 0.68, y + h * 0.35, 0.6)
  paint(stage, '#fff8ea', box(x + w / 2 - 0.012, y, 0.024, h))
}

export function band(stage: Stage, colour: string, width: number, ...points: number[]): void {
  const { g, time } = stage
  g.beginPath()
  openLine(...points)(g)
  g.strokeStyle = tone(colour, time)
  g.lineWidth = width
  g.stroke()
}
