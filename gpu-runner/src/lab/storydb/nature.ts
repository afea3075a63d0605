/** Places in nature, under the sea and in space. */
import { curve, oval, polygon } from './brush.ts'
import { tone } from './palette.ts'
import { band, box, glow, gradient, ground, paint, pine, type Stage, sky, star } from './scenery.ts'

export const nature = {
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

  meadow(s) {
    sky(s, 0.2, 0.14)
    ground(s, '#a5d86a', 0.56, 0.05)
    ground(s, '#86cc55', 0.66, -0.04)
    ground(s, '#74c148', 0.78)
    const colours = ['#ffffff', '#ffe14a', '#ff8fc0', '#c79bf2']
    for (let i = 0; i < 26; i++) {
      const fx = (0.03 + ((i * 0.7548776662) % 1) + 0.02 * s.near) % 1
      const fy = 0.68 + 0.3 * ((i * 0.5698402909) % 1)
      const r = 0.011 + 0.02 * (fy - 0.6)
      paint(s, colours[i % 4]!, oval(fx, fy, r * 1.4))
      paint(s, i % 4 === 1 ? '#f0883a' : '#ffcf3a', oval(fx, fy, r * 0.6))
    }
    const x = 0.84 + 0.03 * s.far
    for (const [dx, dy, turn] of [
      [-0.028, -0.01, -0.5],
      [0.028, -0.01, 0.5],
    ] as const) {
      paint(s, '#ff8a1f', oval(x + dx, 0.42 + dy, 0.03, 0.042, turn))
      paint(s, '#ffd43b', oval(x + dx, 0.42 + dy, 0.013, 0.02, turn))
    }
    paint(s, '#3a3340', box(x - 0.005, 0.39, 0.01, 0.06))
  },

  mountain(s) {
    sky(s, 0.86, 0.12)
    const peak = 0.68 + 0.04 * s.far
    paint(s, '#9c93a8', polygon(peak - 0.52, 0.8, peak, 0.16, peak + 0.55, 0.8))
    paint(s, '#837a94', polygon(peak, 0.16, peak + 0.55, 0.8, peak + 0.1, 0.8, peak + 0.06, 0.5))
    paint(
      s,
      '#ffffff',
      polygon(peak - 0.105, 0.29, peak, 0.16, peak + 0.11, 0.29, peak + 0.05, 0.27, peak, 0.33, peak - 0.05, 0.27),
    )
    const second = 0.2 + 0.03 * s.near
    paint(s, '#7f768e', polygon(second - 0.45, 0.82, second, 0.32, second + 0.36, 0.82))
    paint(
      s,
      '#ffffff',
      polygon(second - 0.08, 0.41, second, 0.32, second + 0.06, 0.41, second + 0.02, 0.39, second - 0.03, 0.43),
    )
    ground(s, '#8b9a6b', 0.72, -0.03)
    ground(s, '#b09b80', 0.8)
    for (const [x, y, r] of [
      [0.08, 0.84, 0.09],
      [0.18, 0.87, 0.055],
      [0.92, 0.85, 0.08],
    ] as const) {
      paint(s, '#8d8496', oval(x, y, r, r * 0.62))
      paint(s, '#a59cb0', oval(x - r * 0.25, y - r * 0.2, r * 0.5, r * 0.26))
    }
  },

  lake(s) {
    sky(s, 0.8, 0.13)
    paint(s, '#5f9a62', (p) => {
      p.moveTo(0, 0.5)
      p.bezierCurveTo(0.2, 0.36, 0.4, 0.44, 0.55, 0.46)
      p.bezierCurveTo(0.7, 0.34, 0.9, 0.38, 1, 0.46)
      p.lineTo(1, 0.6)
      p.lineTo(0, 0.6)
    })
    paint(s, '#3f9fd8', box(0, 0.53, 1, 0.3))
    for (const [x, y, w] of [
      [0.12, 0.6, 0.16],
      [0.5, 0.66, 0.2],
      [0.78, 0.59, 0.14],
      [0.3, 0.72, 0.12],
    ] as const)
      paint(s, '#8fd0f2', (p) => p.roundRect(x + 0.03 * s.far, y, w, 0.014, 0.007))
    const b = 0.82 + 0.03 * s.far
    paint(s, '#b9673a', (p) => {
      p.moveTo(b - 0.13, 0.63)
      p.lineTo(b + 0.13, 0.63)
      p.quadraticCurveTo(b + 0.08, 0.71, b, 0.71)
      p.quadraticCurveTo(b - 0.08, 0.71, b - 0.13, 0.63)
    })
    paint(s, '#fff6e6', polygon(b, 0.36, b + 0.11, 0.6, b, 0.6))
    paint(s, '#6b4a3a', box(b - 0.014, 0.34, 0.02, 0.29))
    ground(s, '#7cc85c', 0.8)
    for (const dx of [0.04, 0.08, 0.13]) {
      const x = dx + 0.02 * s.near
      paint(s, '#3f8a3f', box(x - 0.007, 0.62, 0.014, 0.26))
      paint(s, '#8a5a34', (p) => p.roundRect(x - 0.018, 0.56 + dx * 0.4, 0.036, 0.11, 0.018))
    }
  },

  cave(s) {
    paint(s, '#5f5470', box(0, 0, 1, 1))
    const x = 0.66 + 0.04 * s.far
    glow(s, { day: '#a9dcff', sunset: '#ffb07a', night: '#26306e' }[s.time], (p) => {
      p.moveTo(x - 0.2, 0.76)
      p.bezierCurveTo(x - 0.24, 0.2, x + 0.22, 0.2, x + 0.2, 0.76)
    })
    paint(
      s,
      '#463d58',
      polygon(
        0,
        0,
        1,
        0,
        1,
        0.1,
        0.9,
        0.3,
        0.83,
        0.1,
        0.72,
        0.14,
        0.66,
        0.34,
        0.58,
        0.12,
        0.44,
        0.16,
        0.36,
        0.4,
        0.27,
        0.13,
        0.17,
        0.1,
        0.1,
        0.28,
        0,
        0.12,
      ),
    )
    ground(s, '#6f6280', 0.74)
    ground(s, '#80728f', 0.84, -0.02)
    for (const [cx, base, h, colour] of [
      [0.08, 0.86, 0.26, '#7fe3ff'],
      [0.16, 0.88, 0.16, '#c79bff'],
      [0.93, 0.87, 0.2, '#7fe3ff'],
    ] as const) {
      const at = cx + 0.02 * s.near
      glow(
        s,
        colour,
        polygon(at - 0.04, base, at - 0.03, base - h * 0.7, at, base - h, at + 0.03, base - h * 0.7, at + 0.04, base),
      )
      glow(s, '#ffffff66', polygon(at - 0.02, base, at - 0.015, base - h * 0.65, at, base - h * 0.9, at, base))
    }
  },
} satisfies Record<string, (stage: Stage) => void>
