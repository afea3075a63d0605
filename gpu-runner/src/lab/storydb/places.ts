/** The places: each a sky or wall, a floor and two to four landmarks at the sides of where characters stand. */
import type { SKRSContext2D } from '@napi-rs/canvas'
import { curve, oval, polygon } from './brush.ts'
import { tone } from './palette.ts'
import { random } from './random.ts'
import {
  band,
  box,
  glow,
  gradient,
  ground,
  paint,
  pine,
  roomWindow,
  roundTree,
  type Stage,
  sky,
  star,
} from './scenery.ts'
import type { Place, Scene } from './types.ts'

export type Layout = Pick<Stage, 'near' | 'far'> & { mirrored: boolean }

export function layoutOf({ layoutSeed }: Pick<Scene, 'layoutSeed'>): Layout {
  const r = random(layoutSeed)
  return { mirrored: r.chance(0.5), near: r.between(-1, 1), far: r.between(-1, 1) }
}

/** Paint a scene over the unit square. */
export function drawPlace(g: SKRSContext2D, scene: Scene): void {
  const { mirrored, near, far } = layoutOf(scene)
  g.save()
  if (mirrored) {
    g.translate(1, 0)
    g.scale(-1, 1)
  }
  places[scene.place]({ g, time: scene.time, near, far })
  g.restore()
}

const places: Record<Place, (stage: Stage) => void> = {
  forest(s) {
    sky(s, 0.62, 0.14)
    ground(s, '#3f9450', 0.6)
    pine(s, 0.36 + 0.03 * s.far, 0.72, 0.55)
    pine(s, 0.1 + 0.04 * s.near, 0.78, 0.74)
    pine(s, 0.88 + 0.04 * s.far, 0.8, 0.78)
    ground(s, '#5cb54c', 0.76)
  },

  beach(s) {
    sky(s, 0.84, 0.15)
    paint(s, '#1f86d8', box(0, 0.45, 1, 0.4))
    paint(s, '#53aaf0', box(0, 0.45, 1, 0.05))
    ground(s, '#fbdc92', 0.69, -0.02)
    const x = 0.12 + 0.04 * s.near
    const { g, time } = s
    g.beginPath()
    curve(x - 0.03, 0.82, x - 0.02, 0.55, x + 0.06, 0.34)(g)
    g.strokeStyle = tone('#a06a3c', time)
    g.lineWidth = 0.055
    g.stroke()
    for (const turn of [-2.7, -2.1, -0.9, -0.1, 0.5]) {
      paint(s, '#2ea04f', oval(x + 0.06 + 0.1 * Math.cos(turn), 0.33 + 0.1 * Math.sin(turn), 0.12, 0.038, turn))
    }
    const u = 0.86 + 0.03 * s.far
    paint(s, '#ffffff', box(u - 0.012, 0.5, 0.024, 0.32))
    paint(s, '#f0443e', (p) => {
      p.moveTo(u - 0.17, 0.58)
      p.bezierCurveTo(u - 0.14, 0.42, u + 0.14, 0.42, u + 0.17, 0.58)
    })
    paint(s, '#ffffff', polygon(u - 0.055, 0.58, u, 0.462, u + 0.055, 0.58))
  },

  city(s) {
    sky(s, 0.66, 0.12)
    const rows = [
      { x: 0.02, w: 0.24, top: 0.2 + 0.04 * s.near, colour: '#8b7fb5' },
      { x: 0.28, w: 0.2, top: 0.4 + 0.03 * s.far, colour: '#b89fc0' },
      { x: 0.5, w: 0.2, top: 0.46 + 0.03 * s.near, colour: '#7c88b8' },
      { x: 0.72, w: 0.26, top: 0.26 + 0.04 * s.far, colour: '#a5809c' },
    ]
    for (const { x, w, top, colour } of rows) {
      paint(s, colour, box(x, top, w, 0.8 - top))
      for (let y = top + 0.06; y < 0.68; y += 0.14) {
        for (const wx of [x + w * 0.16, x + w * 0.58])
          glow(s, s.time === 'day' ? '#dff1ff' : '#ffe07a', box(wx, y, w * 0.26, 0.07))
      }
    }
    paint(s, '#c9c3cc', box(0, 0.75, 1, 0.06))
    paint(s, '#5f5b6e', box(0, 0.8, 1, 0.2))
    for (const x of [0.02, 0.36, 0.7]) paint(s, '#ffe27a', box(x + 0.02 * s.near, 0.885, 0.2, 0.03))
  },

  snow(s) {
    sky(s, 0.84, 0.14)
    const peak = 0.3 + 0.05 * s.far
    paint(s, '#8fa9d6', polygon(0.4, 0.75, 0.78, 0.38, 1.2, 0.75))
    paint(s, '#7490c6', polygon(-0.2, 0.75, peak, 0.24, 0.8, 0.75))
    paint(
      s,
      '#ffffff',
      polygon(peak - 0.13, 0.374, peak, 0.24, peak + 0.13, 0.374, peak + 0.05, 0.345, peak, 0.4, peak - 0.06, 0.345),
    )
    ground(s, '#f4faff', 0.66)
    pine(s, 0.1 + 0.03 * s.near, 0.82, 0.5, true)
    const x = 0.87 + 0.03 * s.near
    for (const [y, r] of [
      [0.74, 0.105],
      [0.57, 0.075],
    ] as const) {
      paint(s, '#b9cdea', oval(x, y, r + 0.012))
      paint(s, '#ffffff', oval(x, y, r))
    }
    paint(s, '#ff8a1f', polygon(x - 0.09, 0.585, x, 0.555, x, 0.595))
    paint(s, '#3a3340', box(x - 0.05, 0.45, 0.1, 0.06))
    paint(s, '#3a3340', box(x - 0.08, 0.5, 0.16, 0.024))
  },

  desert(s) {
    sky(s, 0.5, 0.12)
    const x = 0.8 + 0.05 * s.far
    paint(s, '#e0a04f', polygon(x - 0.34, 0.7, x, 0.28, x + 0.34, 0.7))
    paint(s, '#c07f38', polygon(x, 0.28, x + 0.34, 0.7, x + 0.06, 0.7))
    ground(s, '#f3b95f', 0.62, -0.04)
    ground(s, '#ffd07a', 0.74)
    const c = 0.13 + 0.04 * s.near
    for (const [colour, width] of [
      ['#1f7a43', 0.085],
      ['#2f9e55', 0.055],
    ] as const) {
      band(s, colour, width, c, 0.82, c, 0.42)
      band(s, colour, width * 0.85, c, 0.64, c - 0.1, 0.64, c - 0.1, 0.52)
      band(s, colour, width * 0.85, c, 0.7, c + 0.1, 0.7, c + 0.1, 0.58)
    }
  },

  bedroom(s) {
    paint(s, '#f6b8d0', box(0, 0, 1, 1))
    paint(s, '#b9773f', box(0, 0.72, 1, 0.28))
    paint(s, '#fff3f8', box(0, 0.69, 1, 0.035))
    roomWindow(s, 0.1 + 0.03 * s.near, 0.14, 0.26, 0.28)
    const x = 0.7 + 0.03 * s.far
    paint(s, '#8a5230', (p) => p.roundRect(x + 0.2, 0.42, 0.14, 0.44, 0.04))
    paint(s, '#ffffff', (p) => p.roundRect(x - 0.08, 0.6, 0.3, 0.14, 0.05))
    paint(s, '#4f7fe0', (p) => p.roundRect(x - 0.14, 0.66, 0.36, 0.18, 0.04))
    paint(s, '#8a5230', (p) => p.roundRect(x - 0.16, 0.58, 0.06, 0.3, 0.02))
    paint(s, '#8ce0c8', oval(0.42, 0.92, 0.36, 0.06))
  },

  castle(s) {
    sky(s, 0.5, 0.13)
    ground(s, '#6fbf58', 0.66)
    const shift = 0.03 * s.far
    paint(s, '#a9a5c4', box(0.2 + shift, 0.46, 0.6, 0.3))
    for (const x of [0.24, 0.38, 0.52, 0.66]) paint(s, '#a9a5c4', box(x + shift, 0.41, 0.08, 0.06))
    paint(s, '#5a4a6a', (p) => p.roundRect(0.42 + shift, 0.54, 0.16, 0.24, [0.08, 0.08, 0, 0]))
    for (const x of [0.15 + shift, 0.85 + shift]) {
      paint(s, '#bdb9d4', box(x - 0.1, 0.34, 0.2, 0.44))
      paint(s, '#3f63c8', polygon(x - 0.135, 0.35, x, 0.1 + 0.02 * s.near, x + 0.135, 0.35))
      glow(s, s.time === 'day' ? '#4a4468' : '#ffe07a', (p) => p.roundRect(x - 0.035, 0.45, 0.07, 0.11, 0.035))
    }
    ground(s, '#6fbf58', 0.77, 0.01)
    paint(s, '#ecd9a6', polygon(0.42 + shift, 0.77, 0.58 + shift, 0.77, 0.76, 1, 0.24, 1))
  },

  underwater(s) {
    const [top, bottom] = (
      { day: ['#59d3e8', '#1272bd'], sunset: ['#f59a9a', '#6a5aa8'], night: ['#17418a', '#0b1748'] } as const
    )[s.time]
    gradient(s.g, top, bottom)
    for (const x of [0.2, 0.6])
      glow(s, '#ffffff22', polygon(x + 0.05 * s.far, 0, x + 0.18, 0, x - 0.05, 0.85, x - 0.25, 0.85))
    ground(s, '#e6cd8c', 0.8)
    for (const [x, h] of [
      [0.07, 0.5],
      [0.2, 0.32],
      [0.93, 0.42],
    ] as const) {
      const base = x + 0.03 * s.near
      paint(s, '#1f9d63', (p) => {
        p.moveTo(base - 0.045, 0.88)
        p.bezierCurveTo(base - 0.12, 0.88 - h * 0.4, base + 0.08, 0.88 - h * 0.6, base, 0.88 - h)
        p.bezierCurveTo(base + 0.14, 0.88 - h * 0.6, base - 0.02, 0.88 - h * 0.4, base + 0.045, 0.88)
      })
    }
    const x = 0.84 + 0.04 * s.far
    paint(s, '#ffb52e', polygon(x + 0.07, 0.26, x + 0.15, 0.19, x + 0.15, 0.33))
    paint(s, '#ffb52e', oval(x, 0.26, 0.1, 0.07))
    paint(s, '#ffffff', box(x - 0.01, 0.195, 0.03, 0.13))
    paint(s, '#2b2133', oval(x - 0.055, 0.245, 0.016))
    paint(s, '#ff7d9c', oval(0.8, 0.88, 0.07, 0.05))
  },

  space(s) {
    const [top, bottom] = (
      { day: ['#5a3fa8', '#b06fd0'], sunset: ['#3a1458', '#e0507a'], night: ['#07071c', '#241a52'] } as const
    )[s.time]
    gradient(s.g, top, bottom, 0.8)
    for (const [x, y] of [
      [0.08, 0.1],
      [0.36, 0.2],
      [0.6, 0.08],
      [0.92, 0.42],
    ] as const)
      star(s, x, y, 0.022)
    const x = 0.82 + 0.04 * s.near
    glow(s, '#ff8fb8', oval(x, 0.2, 0.11))
    s.g.beginPath()
    oval(x, 0.2, 0.18, 0.045, -0.3)(s.g)
    s.g.strokeStyle = '#ffe0a0'
    s.g.lineWidth = 0.024
    s.g.stroke()
    glow(s, '#ff8fb8', (p) => p.ellipse(x, 0.2, 0.11, 0.11, 0, Math.PI - 0.3, -0.3))
    const r = 0.13 + 0.03 * s.far
    glow(s, '#ff9a2e', polygon(r - 0.04, 0.6, r, 0.72, r + 0.04, 0.6))
    glow(s, '#e5343c', polygon(r - 0.1, 0.62, r, 0.45, r + 0.1, 0.62))
    glow(s, '#f4f4fa', oval(r, 0.48, 0.062, 0.15))
    glow(s, '#58b8ff', oval(r, 0.45, 0.032))
    paint(s, '#a7a4b8', (p) => p.ellipse(0.5, 1.1, 0.9, 0.36, 0, 0, 2 * Math.PI))
    for (const [cx, cy, w] of [
      [0.22, 0.9, 0.09],
      [0.8, 0.87, 0.07],
    ] as const)
      paint(s, '#85829a', oval(cx, cy, w, w * 0.4))
  },

  farm(s) {
    sky(s, 0.5, 0.13)
    ground(s, '#8fd05a', 0.62)
    const x = 0.18 + 0.03 * s.far
    paint(
      s,
      '#c8352f',
      polygon(x - 0.2, 0.74, x - 0.2, 0.42, x - 0.11, 0.3, x, 0.24, x + 0.11, 0.3, x + 0.2, 0.42, x + 0.2, 0.74),
    )
    band(s, '#ffffff', 0.03, x - 0.2, 0.42, x - 0.11, 0.3, x, 0.24, x + 0.11, 0.3, x + 0.2, 0.42)
    paint(s, '#ffffff', box(x - 0.1, 0.52, 0.2, 0.22))
    paint(s, '#8f2420', box(x - 0.075, 0.545, 0.15, 0.195))
    for (const px of [0.5, 0.66, 0.82, 0.98]) paint(s, '#ffffff', box(px - 0.02, 0.58, 0.04, 0.2))
    for (const py of [0.62, 0.7]) paint(s, '#ffffff', box(0.42, py, 0.6, 0.035))
    ground(s, '#a9dc66', 0.76)
    const h = 0.88 + 0.03 * s.near
    paint(s, '#e8b93c', oval(h, 0.76, 0.11))
    paint(s, '#c8952a', oval(h, 0.76, 0.055))
  },

  kitchen(s) {
    paint(s, '#fff0b8', box(0, 0, 1, 1))
    paint(s, '#f6f3ee', box(0, 0.75, 1, 0.25))
    for (const [x, y] of [
      [0, 0.75],
      [0.4, 0.75],
      [0.8, 0.75],
      [0.2, 0.875],
      [0.6, 0.875],
    ] as const)
      paint(s, '#9fd3c7', box(x, y, 0.2, 0.125))
    roomWindow(s, 0.6 + 0.03 * s.near, 0.14, 0.28, 0.24)
    paint(s, '#e2574c', box(0.5, 0.54, 0.5, 0.26))
    paint(s, '#fffaf0', box(0.48, 0.5, 0.52, 0.05))
    for (const x of [0.72, 0.9]) paint(s, '#fffaf0', oval(x, 0.66, 0.024))
    const f = 0.03 * s.far
    paint(s, '#b9c9d6', (p) => p.roundRect(0.03 + f, 0.22, 0.26, 0.6, 0.04))
    paint(s, '#dbe7ef', (p) => p.roundRect(0.05 + f, 0.24, 0.22, 0.2, 0.03))
    paint(s, '#dbe7ef', (p) => p.roundRect(0.05 + f, 0.47, 0.22, 0.32, 0.03))
  },

  park(s) {
    sky(s, 0.5, 0.12)
    ground(s, '#8fdc6a', 0.64)
    paint(s, '#f3dcae', (p) => {
      p.moveTo(0.3, 1)
      p.bezierCurveTo(0.3, 0.85, 0.75, 0.85, 0.55, 0.645)
      p.lineTo(0.63, 0.645)
      p.bezierCurveTo(0.95, 0.85, 0.75, 0.9, 0.8, 1)
    })
    roundTree(s, 0.14 + 0.03 * s.near, 0.8, 0.66)
    const x = 0.86 + 0.03 * s.far
    paint(s, '#5aa9ea', oval(x, 0.78, 0.2, 0.06))
    paint(s, '#cfd6e2', box(x - 0.035, 0.56, 0.07, 0.22))
    paint(s, '#cfd6e2', oval(x, 0.57, 0.12, 0.035))
    paint(s, '#8fd0ff', (p) => {
      p.moveTo(x - 0.1, 0.56)
      p.quadraticCurveTo(x, 0.28, x + 0.1, 0.56)
    })
  },

  library(s) {
    paint(s, '#7a4a2c', box(0, 0, 1, 1))
    paint(s, '#c98f56', box(0, 0.78, 1, 0.22))
    const books = ['#d9453c', '#3f7fd0', '#f0c040', '#3f9a5a', '#9a5ac0', '#f0884a']
    for (const [row, y] of [0.05, 0.31, 0.57].entries()) {
      paint(s, '#4f2d1a', box(0, y - 0.01, 1, 0.2))
      for (let i = 0; i < 8; i++) {
        const colour = books[(i * 5 + row * 2) % books.length]!
        const drop = i % 3 === 1 ? 0.04 : 0
        paint(s, colour, box(0.015 + i * 0.125 + 0.01 * s.near, y + drop, 0.105, 0.19 - drop))
      }
    }
    paint(s, '#3a7f78', oval(0.5 + 0.03 * s.far, 0.93, 0.4, 0.055))
  },

  circus(s) {
    sky(s, 0.14, 0.14)
    ground(s, '#e8c27a', 0.74)
    const x = 0.55 + 0.04 * s.far
    const colours = ['#e5343c', '#fff6ea']
    for (let i = 0; i < 6; i++) {
      const left = x - 0.42 + i * 0.14
      paint(s, colours[i % 2]!, polygon(left, 0.48, left + 0.14, 0.48, left + 0.14, 0.8, left, 0.8))
      paint(s, colours[i % 2]!, polygon(left - 0.005, 0.48, left + 0.145, 0.48, x, 0.14))
    }
    paint(s, '#f0b429', box(x - 0.44, 0.46, 0.88, 0.045))
    paint(s, '#3f63c8', polygon(x, 0.03, x + 0.14, 0.08, x, 0.13))
    paint(s, '#6b4a3a', box(x - 0.014, 0.02, 0.024, 0.13))
    paint(s, '#3f63c8', oval(0.08 + 0.03 * s.near, 0.84, 0.075))
    star(s, 0.08 + 0.03 * s.near, 0.84, 0.05)
  },
}
