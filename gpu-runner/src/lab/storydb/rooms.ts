/** Places indoors: a wall, a floor and what stands at the sides. */
import { oval, polygon } from './brush.ts'
import { box, glow, paint, roomWindow, type Stage } from './scenery.ts'

export const rooms = {
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

  'living room'(s) {
    paint(s, '#bfe0d4', box(0, 0, 1, 1))
    paint(s, '#a9683a', box(0, 0.74, 1, 0.26))
    paint(s, '#f4fbf8', box(0, 0.71, 1, 0.035))
    roomWindow(s, 0.36 + 0.02 * s.near, 0.12, 0.26, 0.26)
    const x = 0.02 + 0.03 * s.far
    paint(s, '#d9623f', (p) => p.roundRect(x, 0.46, 0.38, 0.26, 0.05))
    paint(s, '#e87f58', (p) => p.roundRect(x - 0.03, 0.6, 0.44, 0.2, 0.05))
    paint(s, '#c24f2f', (p) => p.roundRect(x + 0.34, 0.55, 0.09, 0.26, 0.04))
    paint(s, '#c24f2f', (p) => p.roundRect(x - 0.05, 0.55, 0.09, 0.26, 0.04))
    paint(s, '#ffd84d', (p) => p.roundRect(x + 0.08, 0.52, 0.12, 0.12, 0.03))
    const l = 0.87 + 0.03 * s.near
    paint(s, '#6b4a3a', box(l - 0.012, 0.34, 0.024, 0.46))
    paint(s, '#6b4a3a', oval(l, 0.8, 0.07, 0.02))
    glow(
      s,
      s.time === 'day' ? '#fff3c4' : '#ffe07a',
      polygon(l - 0.06, 0.18, l + 0.06, 0.18, l + 0.11, 0.36, l - 0.11, 0.36),
    )
    paint(s, '#7a5fb0', oval(0.56, 0.92, 0.36, 0.055))
  },

  bathroom(s) {
    paint(s, '#a8dff0', box(0, 0, 1, 1))
    for (let i = 1; i < 6; i++) paint(s, '#8accdf', box(0, i * 0.12, 1, 0.01))
    for (let i = 1; i < 8; i++) paint(s, '#8accdf', box(i * 0.125, 0, 0.01, 0.74))
    paint(s, '#e9f3f6', box(0, 0.74, 1, 0.26))
    for (let i = 0; i < 5; i++) paint(s, '#c3d9e2', box(i * 0.25 - 0.12, 0.74 + (i % 2) * 0.13, 0.125, 0.13))
    const x = 0.03 + 0.03 * s.far
    paint(s, '#c9d2da', box(x + 0.03, 0.4, 0.025, 0.24))
    paint(s, '#c9d2da', box(x + 0.03, 0.39, 0.12, 0.03))
    paint(s, '#ffffff', (p) => p.roundRect(x - 0.02, 0.6, 0.44, 0.22, [0.02, 0.02, 0.1, 0.1]))
    paint(s, '#d8e2ea', (p) => p.roundRect(x - 0.04, 0.58, 0.48, 0.045, 0.02))
    for (const [dx, dy, r] of [
      [0.1, 0.56, 0.05],
      [0.19, 0.54, 0.065],
      [0.29, 0.56, 0.05],
      [0.24, 0.49, 0.035],
    ] as const)
      glow(s, s.time === 'night' ? '#c5d2ee' : '#ffffff', oval(x + dx, dy, r))
    const m = 0.82 + 0.03 * s.near
    paint(s, '#f7d36b', oval(m, 0.26, 0.12, 0.15))
    paint(s, '#dff4ff', oval(m, 0.26, 0.095, 0.125))
    paint(s, '#ffffff', (p) => p.roundRect(m - 0.13, 0.5, 0.26, 0.09, [0.02, 0.02, 0.08, 0.08]))
    paint(s, '#ffffff', box(m - 0.035, 0.58, 0.07, 0.22))
    paint(s, '#c9d2da', box(m - 0.012, 0.44, 0.024, 0.06))
  },

  classroom(s) {
    paint(s, '#f5e6c4', box(0, 0, 1, 1))
    paint(s, '#c79a66', box(0, 0.76, 1, 0.24))
    const x = 0.2 + 0.03 * s.far
    paint(s, '#a8703f', box(x - 0.02, 0.1, 0.58, 0.4))
    paint(s, '#2c6b4f', box(x, 0.12, 0.54, 0.36))
    for (const [lx, ly, w] of [
      [0.05, 0.18, 0.16],
      [0.05, 0.24, 0.22],
      [0.32, 0.18, 0.1],
    ] as const)
      paint(s, '#e8f3ec', box(x + lx, ly, w, 0.02))
    paint(s, '#ffe27a', oval(x + 0.43, 0.36, 0.045))
    paint(s, '#ff9ecb', polygon(x + 0.28, 0.42, x + 0.33, 0.32, x + 0.38, 0.42))
    const d = 0.03 * s.near
    for (const at of [0.02, 0.78]) {
      paint(s, '#7d5330', box(at + 0.02 + d, 0.72, 0.022, 0.16))
      paint(s, '#7d5330', box(at + 0.165 + d, 0.72, 0.022, 0.16))
      paint(s, '#d99a55', box(at + d, 0.67, 0.21, 0.06))
    }
    paint(s, '#e5343c', box(0.06 + d, 0.635, 0.09, 0.035))
    paint(s, '#3f7fd0', box(0.07 + d, 0.605, 0.08, 0.03))
    paint(s, '#e5343c', oval(0.88 + d, 0.64, 0.032))
    paint(s, '#f4f7fb', oval(0.09, 0.18, 0.065))
    paint(s, '#3a3340', box(0.085, 0.13, 0.012, 0.055))
    paint(s, '#3a3340', box(0.085, 0.175, 0.04, 0.012))
  },

  shop(s) {
    paint(s, '#fbe3d0', box(0, 0, 1, 1))
    paint(s, '#dcc6b0', box(0, 0.76, 1, 0.24))
    const goods = ['#e5343c', '#ffd43b', '#2f9e4d', '#8d4fd3', '#ff8a1f', '#2f6be0']
    const x = 0.03 * s.far
    for (const [row, y] of [0.22, 0.38].entries()) {
      for (let i = 0; i < 7; i++) {
        const at = 0.05 + i * 0.13 + x
        if ((i + row) % 2) paint(s, goods[(i + 3 * row) % 6]!, oval(at + 0.04, y - 0.045, 0.042))
        else paint(s, goods[(i + 2 * row) % 6]!, (p) => p.roundRect(at, y - 0.1, 0.08, 0.1, 0.015))
      }
      paint(s, '#9a6a3f', box(0, y, 1, 0.03))
    }
    for (let i = 0; i < 8; i++)
      paint(s, i % 2 ? '#fff6ea' : '#e2574c', (p) => p.roundRect(i * 0.125, 0, 0.126, 0.1, [0, 0, 0.06, 0.06]))
    const c = 0.68 + 0.03 * s.near
    paint(s, '#7a9fd0', box(c, 0.58, 0.4, 0.24))
    paint(s, '#f3efe8', box(c - 0.02, 0.55, 0.44, 0.045))
    paint(s, '#5b5668', (p) => p.roundRect(c + 0.1, 0.45, 0.14, 0.1, 0.02))
    paint(s, '#bfe6c8', box(c + 0.12, 0.47, 0.1, 0.03))
    paint(s, '#c98f45', polygon(0.02, 0.66, 0.26, 0.66, 0.23, 0.82, 0.05, 0.82))
    for (const [ax, colour] of [
      [0.07, '#e5343c'],
      [0.14, '#ff8a1f'],
      [0.21, '#8fd05a'],
    ] as const)
      paint(s, colour, oval(ax, 0.65, 0.042))
  },
} satisfies Record<string, (stage: Stage) => void>
