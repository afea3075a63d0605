/** Places outdoors that people made. */
import { oval, polygon } from './brush.ts'
import { band, box, glow, ground, paint, roundTree, type Stage, sky, star } from './scenery.ts'

export const grounds = {
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

  garden(s) {
    sky(s, 0.82, 0.14)
    ground(s, '#7cc85c', 0.6)
    const x = 0.2 + 0.03 * s.far
    paint(s, '#fff0d8', box(x - 0.15, 0.4, 0.3, 0.26))
    paint(s, '#c8563c', polygon(x - 0.2, 0.42, x, 0.24, x + 0.2, 0.42))
    paint(s, '#8a5a34', box(x - 0.04, 0.51, 0.08, 0.15))
    glow(s, s.time === 'day' ? '#bfe6ff' : '#ffe07a', box(x + 0.06, 0.47, 0.06, 0.07))
    for (let i = 0; i < 8; i++)
      paint(
        s,
        '#fff8ea',
        polygon(
          0.4 + i * 0.08,
          0.72,
          0.4 + i * 0.08,
          0.58,
          0.425 + i * 0.08,
          0.55,
          0.45 + i * 0.08,
          0.58,
          0.45 + i * 0.08,
          0.72,
        ),
      )
    paint(s, '#fff8ea', box(0.38, 0.62, 0.7, 0.03))
    ground(s, '#93dc6c', 0.74)
    const colours = ['#ff5a7a', '#ffd43b', '#b06fe0', '#ff8a1f']
    for (let i = 0; i < 7; i++) {
      const fx = [0.04, 0.12, 0.2, 0.78, 0.86, 0.94, 0.99][i]! + 0.01 * s.near
      const fy = 0.84 + 0.03 * ((i * 2) % 3)
      paint(s, '#2f8a3f', box(fx - 0.008, fy, 0.016, 0.09))
      paint(s, colours[i % 4]!, oval(fx, fy, 0.034))
      paint(s, '#fff3b0', oval(fx, fy, 0.013))
    }
  },

  ship(s) {
    sky(s, 0.82, 0.14)
    paint(s, '#2a86cf', box(0, 0.52, 1, 0.2))
    paint(s, '#6ab8f0', box(0, 0.52, 1, 0.03))
    const m = 0.3 + 0.03 * s.far
    paint(s, '#7a4e2c', box(m - 0.02, 0.02, 0.04, 0.72))
    paint(s, '#fff6e6', (p) => {
      p.moveTo(m - 0.24, 0.12)
      p.lineTo(m + 0.24, 0.12)
      p.quadraticCurveTo(m + 0.3, 0.3, m + 0.24, 0.46)
      p.quadraticCurveTo(m, 0.4, m - 0.24, 0.46)
      p.quadraticCurveTo(m - 0.18, 0.3, m - 0.24, 0.12)
    })
    paint(s, '#e5343c', (p) => {
      p.moveTo(m - 0.21, 0.22)
      p.lineTo(m + 0.262, 0.22)
      p.lineTo(m + 0.27, 0.3)
      p.lineTo(m - 0.2, 0.3)
    })
    paint(s, '#7a4e2c', box(m - 0.27, 0.1, 0.54, 0.03))
    paint(s, '#3a3340', polygon(m, 0.0, m + 0.14, 0.03, m, 0.07))
    paint(s, '#8a5a34', box(0, 0.6, 1, 0.035))
    for (let i = 0; i < 9; i++) paint(s, '#8a5a34', box(0.02 + i * 0.12, 0.62, 0.025, 0.14))
    paint(s, '#b9814f', box(0, 0.75, 1, 0.25))
    for (const y of [0.8, 0.86, 0.93]) paint(s, '#96653a', box(0, y, 1, 0.01))
    const b = 0.9 + 0.02 * s.near
    paint(s, '#9a6a3f', (p) => p.roundRect(b - 0.08, 0.66, 0.16, 0.2, 0.04))
    paint(s, '#5b5668', box(b - 0.08, 0.71, 0.16, 0.02))
    paint(s, '#5b5668', box(b - 0.08, 0.8, 0.16, 0.02))
  },
} satisfies Record<string, (stage: Stage) => void>
