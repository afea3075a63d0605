/** Outlined flat shapes, drawn twice from the same code: in colour, and in pure part colours for the masks. */
import type { SKRSContext2D } from '@napi-rs/canvas'
import type { Part } from './types.ts'

/** With `apart` ovals begin anew, where else a line leads to them from what was drawn before. */
export type Path = (g: SKRSContext2D, apart?: boolean) => void

/** What a character is drawn with; coordinates are character heights, feet at (0, 0), up is negative. */
export type Brush = {
  g: SKRSContext2D
  /** Width of outlines, in character heights. */
  line: number
  /** True in the mask pass: silhouettes in part colours, details left out. */
  mask: boolean
  /** The part that is being drawn; 'held' things count as character but as no part. */
  part: Part | 'held'
  /** Whether the two of a pair are drawn apart; levels 1 to 4 have a thin line between them. */
  apart: boolean
}

export const INK = '#2b2133'
const partInk = { face: '#ff0000', upper: '#00ff00', lower: '#0000ff', held: '#000000' }

/** A filled shape with an outline. */
export function shape(b: Brush, colour: string, path: Path): void {
  const { g } = b
  g.beginPath()
  path(g, b.apart)
  g.fillStyle = b.mask ? partInk[b.part] : colour
  g.strokeStyle = b.mask ? partInk[b.part] : INK
  g.lineWidth = b.line
  g.fill()
  g.stroke()
}

/** A filled shape without outline that lies within shapes already drawn. */
export function detail(b: Brush, colour: string, path: Path): void {
  if (b.mask) return
  b.g.beginPath()
  path(b.g, b.apart)
  b.g.fillStyle = colour
  b.g.fill()
}

/** A line within shapes already drawn. */
export function stroke(b: Brush, colour: string, width: number, path: Path): void {
  if (b.mask) return
  b.g.beginPath()
  path(b.g, b.apart)
  b.g.strokeStyle = colour
  b.g.lineWidth = width
  b.g.stroke()
}

/** A round-ended outlined band along an open path: limbs, tails, strings. */
export function limb(b: Brush, colour: string, width: number, path: Path): void {
  const { g } = b
  g.beginPath()
  path(g, b.apart)
  g.strokeStyle = b.mask ? partInk[b.part] : INK
  g.lineWidth = width + b.line
  g.stroke()
  if (b.mask) return
  g.strokeStyle = colour
  g.lineWidth = width - b.line
  g.stroke()
}

export const oval =
  (x: number, y: number, rx: number, ry = rx, turn = 0): Path =>
  (g, apart) => {
    if (apart) g.moveTo(x + rx * Math.cos(turn), y + rx * Math.sin(turn))
    g.ellipse(x, y, rx, ry, turn, 0, 2 * Math.PI)
  }

/** A closed polygon over x, y pairs. */
export const polygon =
  (...points: number[]): Path =>
  (g) => {
    openLine(...points)(g)
    g.closePath()
  }

/** An open line over x, y pairs. */
export const openLine =
  (...points: number[]): Path =>
  (g) => {
    for (let i = 0; i < points.length; i += 2) {
      if (i === 0) g.moveTo(points[0]!, points[1]!)
      else g.lineTo(points[i]!, points[i + 1]!)
    }
  }

/** A quadratic curve from (x0, y0) pulled towards (cx, cy). */
export const curve =
  (x0: number, y0: number, cx: number, cy: number, x1: number, y1: number): Path =>
  (g) => {
    g.moveTo(x0, y0)
    g.quadraticCurveTo(cx, cy, x1, y1)
  }

/** The same path on the left and on the right. */
export const bothSides =
  (path: (side: -1 | 1) => Path): Path =>
  (g, apart) => {
    path(-1)(g, apart)
    g.closePath()
    path(1)(g, apart)
  }
