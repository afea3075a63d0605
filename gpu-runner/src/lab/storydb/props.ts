/** Things that characters hold, around the hand at (x, y), and things that stand on the ground at (0, 0) beside them. */
import {
  type Brush,
  bothSides,
  curve,
  detail,
  INK,
  limb,
  openLine,
  oval,
  type Path,
  polygon,
  shape,
  stroke,
} from './brush.ts'
import type { Prop } from './types.ts'

export type HeldProp = Extract<
  Prop,
  'apple' | 'lantern' | 'sword' | 'wand' | 'teddy bear' | 'cake' | 'kite' | 'basket' | 'guitar' | 'umbrella'
>
export type StandingProp = Exclude<Prop, HeldProp>

/** A five-pointed star. */
const fivePoints =
  (x: number, y: number, r: number): Path =>
  (g) => {
    for (let i = 0; i < 10; i++) {
      const [a, out] = [(Math.PI * i) / 5 - Math.PI / 2, i % 2 ? r * 0.45 : r]
      if (i === 0) g.moveTo(x + out * Math.cos(a), y + out * Math.sin(a))
      else g.lineTo(x + out * Math.cos(a), y + out * Math.sin(a))
    }
    g.closePath()
  }

export const heart =
  (x: number, y: number, r: number): Path =>
  (g) => {
    g.moveTo(x, y + r)
    g.bezierCurveTo(x - 1.9 * r, y - 0.2 * r, x - 0.9 * r, y - 1.5 * r, x, y - 0.45 * r)
    g.bezierCurveTo(x + 0.9 * r, y - 1.5 * r, x + 1.9 * r, y - 0.2 * r, x, y + r)
    g.closePath()
  }

export function drawTeddy(b: Brush, x: number, y: number, r: number): void {
  const coat = '#c98a4b'
  shape(
    b,
    coat,
    bothSides((s) => oval(x + s * 1.05 * r, y + 0.75 * r, 0.42 * r, 0.42 * r)),
  )
  shape(b, coat, oval(x, y + 1.05 * r, 0.95 * r, 1.05 * r))
  shape(
    b,
    coat,
    bothSides((s) => oval(x + s * 0.7 * r, y - 0.95 * r, 0.36 * r)),
  )
  shape(b, coat, oval(x, y - 0.35 * r, r, 0.88 * r))
  detail(b, '#f0d2a4', oval(x, y - 0.08 * r, 0.5 * r, 0.4 * r))
  detail(b, '#f0d2a4', oval(x, y + 1.15 * r, 0.55 * r, 0.6 * r))
  for (const [dx, dy] of [
    [-0.4, -0.55],
    [0.4, -0.55],
    [0, -0.18],
  ] as const)
    detail(b, INK, oval(x + dx * r, y + dy * r, 0.15 * r))
}

export const heldProps: Record<HeldProp, (b: Brush, x: number, y: number) => void> = {
  apple: (b, x, y) => {
    limb(b, '#7a4a2b', 0.024, curve(x + 0.02, y - 0.15, x + 0.03, y - 0.19, x + 0.06, y - 0.2))
    shape(b, '#e5343c', oval(x + 0.02, y - 0.085, 0.088, 0.08))
    detail(b, '#3fa84f', oval(x + 0.065, y - 0.17, 0.045, 0.022, -0.4))
    detail(b, '#ffb3b3', oval(x - 0.015, y - 0.11, 0.02, 0.03, 0.4))
  },
  lantern: (b, x, y) => {
    limb(b, '#4b4458', 0.026, curve(x - 0.06, y + 0.06, x, y - 0.04, x + 0.06, y + 0.06))
    shape(b, '#ffd84d', (g) => g.roundRect(x - 0.075, y + 0.05, 0.15, 0.15, 0.02))
    detail(b, '#fff6c8', oval(x, y + 0.125, 0.036, 0.052))
    shape(b, '#4b4458', (g) => g.roundRect(x - 0.09, y + 0.03, 0.18, 0.035, 0.01))
    shape(b, '#4b4458', (g) => g.roundRect(x - 0.09, y + 0.19, 0.18, 0.035, 0.01))
  },
  sword: (b, x, y) => {
    shape(
      b,
      '#dfe6f2',
      polygon(x - 0.02, y - 0.06, x + 0.03, y - 0.36, x + 0.085, y - 0.43, x + 0.095, y - 0.35, x + 0.045, y - 0.05),
    )
    limb(b, '#f2b631', 0.045, openLine(x - 0.07, y - 0.075, x + 0.095, y - 0.045))
    limb(b, '#8a4b2d', 0.045, openLine(x + 0.01, y - 0.05, x - 0.005, y + 0.05))
  },
  wand: (b, x, y) => {
    limb(b, '#6b4a9c', 0.032, openLine(x - 0.01, y + 0.06, x + 0.06, y - 0.2))
    shape(b, '#ffd84d', fivePoints(x + 0.075, y - 0.27, 0.105))
  },
  'teddy bear': (b, x, y) => drawTeddy(b, x + 0.03, y - 0.06, 0.078),
  cake: (b, x, y) => {
    shape(b, '#f3d9b0', (g) => g.roundRect(x - 0.09, y - 0.13, 0.18, 0.1, 0.02))
    shape(b, '#ff8fc0', (g) => g.roundRect(x - 0.095, y - 0.165, 0.19, 0.06, 0.028))
    limb(b, '#ffffff', 0.026, openLine(x, y - 0.17, x, y - 0.24))
    detail(b, '#ffb52e', oval(x, y - 0.27, 0.02, 0.032))
    shape(b, '#ffffff', oval(x, y - 0.025, 0.13, 0.024))
  },
  kite: (b, x, y) => {
    limb(b, '#ffffff', 0.012, curve(x, y, x + 0.01, y - 0.12, x + 0.09, y - 0.22))
    limb(b, '#ffd84d', 0.022, curve(x + 0.09, y - 0.22, x + 0.19, y - 0.18, x + 0.13, y - 0.08))
    shape(b, '#2f6be0', polygon(x + 0.09, y - 0.2, x + 0.21, y - 0.36, x + 0.11, y - 0.52, x - 0.03, y - 0.36))
    detail(b, '#ff8a1f', polygon(x + 0.095, y - 0.23, x + 0.19, y - 0.36, x + 0.1, y - 0.36))
    detail(b, '#ffd84d', polygon(x + 0.1, y - 0.36, x + 0.108, y - 0.495, x - 0.005, y - 0.36))
  },
  basket: (b, x, y) => {
    limb(b, '#8a5a2c', 0.03, (g) => {
      g.moveTo(x - 0.095, y + 0.09)
      g.bezierCurveTo(x - 0.08, y - 0.05, x + 0.08, y - 0.05, x + 0.095, y + 0.09)
    })
    shape(
      b,
      '#e5343c',
      bothSides((s) => oval(x + s * 0.045, y + 0.08, 0.045)),
    )
    shape(b, '#c98f45', polygon(x - 0.12, y + 0.085, x + 0.12, y + 0.085, x + 0.085, y + 0.2, x - 0.085, y + 0.2))
    stroke(b, '#8a5a2c', 0.016, openLine(x - 0.1, y + 0.125, x + 0.1, y + 0.125))
    stroke(b, '#8a5a2c', 0.016, openLine(x - 0.09, y + 0.165, x + 0.09, y + 0.165))
  },
  guitar: (b) => {
    limb(b, '#6b3f2a', 0.05, openLine(0.02, -0.27, 0.33, -0.42))
    shape(b, '#6b3f2a', polygon(0.3, -0.44, 0.39, -0.49, 0.41, -0.43, 0.33, -0.39))
    shape(b, '#e39a3b', (g) => {
      g.ellipse(-0.09, -0.235, 0.12, 0.1, -0.45, 0, 2 * Math.PI)
      g.closePath()
      g.ellipse(0.035, -0.29, 0.085, 0.075, -0.45, 0, 2 * Math.PI)
    })
    detail(b, '#e39a3b', oval(-0.045, -0.255, 0.09, 0.07, -0.45))
    detail(b, '#5a3418', oval(0.0, -0.273, 0.035))
    stroke(b, '#fff4dc', 0.01, openLine(-0.12, -0.215, 0.32, -0.425))
  },
  umbrella: (b, x, y) => limb(b, '#8a4b2d', 0.03, openLine(x - 0.005, y + 0.05, x - 0.06, y - 0.42)),
}

/** The part of a held thing that is behind its holder. */
export function drawBehindHolder(b: Brush, prop: Prop | undefined, x: number, y: number): void {
  if (prop !== 'umbrella') return
  b.part = 'held'
  const [top, rim] = [y - 0.86, y - 0.4]
  const from = x - 0.47
  const to = x + 0.31
  shape(b, '#8d4fd3', (g) => {
    g.moveTo(from, rim)
    g.bezierCurveTo(from + 0.04, top, to - 0.04, top, to, rim)
    for (let i = 3; i >= 0; i--) {
      const end = from + ((to - from) * i) / 4
      g.quadraticCurveTo(end + (to - from) / 8, rim - 0.06, end, rim)
    }
  })
  detail(b, '#ffd84d', (g) => {
    g.moveTo(x - 0.18, rim - 0.01)
    g.quadraticCurveTo(x - 0.16, top + 0.12, x - 0.08, top + 0.1)
    g.quadraticCurveTo(x, top + 0.12, x + 0.02, rim - 0.01)
    g.quadraticCurveTo(x - 0.08, rim - 0.07, x - 0.18, rim - 0.01)
  })
}

const planks = (b: Brush, colour: string, ...lines: readonly (readonly number[])[]) => {
  for (const line of lines) limb(b, colour, 0.055, openLine(...line))
}

export const standingProps: Record<StandingProp, (b: Brush) => void> = {
  campfire: (b) => {
    planks(b, '#8a5a34', [-0.16, 0, 0.14, -0.06], [-0.14, -0.06, 0.16, 0])
    shape(b, '#ff7a2e', (g) => {
      g.moveTo(-0.13, -0.05)
      g.bezierCurveTo(-0.2, -0.22, -0.06, -0.22, -0.06, -0.38)
      g.bezierCurveTo(0.04, -0.3, 0.03, -0.24, 0.07, -0.28)
      g.bezierCurveTo(0.2, -0.16, 0.14, -0.08, 0.11, -0.05)
      g.closePath()
    })
    detail(b, '#ffe14a', (g) => {
      g.moveTo(-0.07, -0.06)
      g.bezierCurveTo(-0.1, -0.15, -0.02, -0.17, -0.01, -0.24)
      g.bezierCurveTo(0.08, -0.16, 0.07, -0.1, 0.06, -0.06)
    })
  },
  tent: (b) => {
    shape(b, '#f0a63a', polygon(-0.28, 0, 0, -0.46, 0.28, 0))
    shape(b, '#4b3a52', polygon(-0.1, 0, 0, -0.3, 0.1, 0))
    detail(b, '#ffd58a', polygon(-0.1, 0, 0, -0.3, -0.16, -0.06))
    stroke(b, '#fff2d0', 0.02, openLine(0.14, -0.23, 0.28, -0.005))
  },
  'treasure chest': (b) => {
    shape(b, '#8f5a2d', (g) => g.roundRect(-0.19, -0.19, 0.38, 0.2, 0.02))
    shape(b, '#a86b36', (g) => {
      g.moveTo(-0.19, -0.19)
      g.bezierCurveTo(-0.19, -0.38, 0.19, -0.38, 0.19, -0.19)
      g.closePath()
    })
    detail(b, '#f2c33c', (g) => {
      g.rect(-0.135, -0.29, 0.04, 0.29)
      g.rect(0.095, -0.29, 0.04, 0.29)
    })
    shape(b, '#f2c33c', (g) => g.roundRect(-0.045, -0.225, 0.09, 0.1, 0.02))
  },
  car: (b) => {
    shape(b, '#e5343c', (g) => {
      g.moveTo(-0.16, -0.2)
      g.quadraticCurveTo(-0.13, -0.34, -0.06, -0.34)
      g.lineTo(0.07, -0.34)
      g.quadraticCurveTo(0.13, -0.33, 0.17, -0.2)
    })
    detail(b, '#cfeaff', polygon(-0.11, -0.205, -0.08, -0.305, -0.012, -0.305, -0.012, -0.205))
    detail(b, '#cfeaff', polygon(0.012, -0.205, 0.012, -0.305, 0.06, -0.305, 0.11, -0.205))
    shape(b, '#e5343c', (g) => g.roundRect(-0.29, -0.2, 0.58, 0.15, 0.05))
    detail(b, '#ffe27a', oval(0.26, -0.14, 0.024))
    shape(
      b,
      '#3a3542',
      bothSides((s) => oval(s * 0.17, -0.055, 0.075)),
    )
    detail(
      b,
      '#cfd3dc',
      bothSides((s) => oval(s * 0.17, -0.055, 0.032)),
    )
  },
  drum: (b) => {
    shape(b, '#e5343c', (g) => {
      g.moveTo(-0.16, -0.26)
      g.lineTo(-0.16, -0.05)
      g.quadraticCurveTo(0, 0.05, 0.16, -0.05)
      g.lineTo(0.16, -0.26)
    })
    stroke(b, '#ffe27a', 0.022, openLine(-0.15, -0.2, -0.075, -0.02, 0, -0.19, 0.075, -0.02, 0.15, -0.2))
    shape(b, '#fff7e6', oval(0, -0.26, 0.165, 0.055))
    limb(b, '#8a5a34', 0.03, openLine(-0.12, -0.38, -0.01, -0.27))
    limb(b, '#8a5a34', 0.03, openLine(0.13, -0.39, 0.03, -0.27))
  },
  table: (b) => {
    planks(b, '#8f5a2d', [-0.19, -0.22, -0.2, 0], [0.19, -0.22, 0.2, 0])
    shape(b, '#b9773f', (g) => g.roundRect(-0.27, -0.27, 0.54, 0.06, 0.02))
    shape(b, '#ffffff', (g) => g.roundRect(-0.05, -0.34, 0.1, 0.075, 0.02))
    stroke(b, '#ffffff', 0.02, (g) => g.arc(0.06, -0.305, 0.024, -1.4, 1.4))
    shape(b, '#ff8a1f', oval(-0.16, -0.3, 0.042))
  },
  chair: (b) => {
    planks(b, '#8f5a2d', [-0.11, -0.18, -0.12, 0], [0.12, -0.18, 0.13, 0], [0.13, -0.2, 0.15, -0.45])
    shape(b, '#b9773f', (g) => g.roundRect(0.09, -0.46, 0.1, 0.18, 0.03))
    shape(b, '#b9773f', (g) => g.roundRect(-0.16, -0.225, 0.33, 0.06, 0.02))
  },
  mushroom: (b) => {
    shape(b, '#fff1dc', (g) => {
      g.moveTo(-0.07, -0.2)
      g.quadraticCurveTo(-0.06, -0.06, -0.1, 0)
      g.lineTo(0.1, 0)
      g.quadraticCurveTo(0.06, -0.06, 0.07, -0.2)
    })
    shape(b, '#e5343c', (g) => {
      g.moveTo(-0.23, -0.17)
      g.bezierCurveTo(-0.22, -0.47, 0.22, -0.47, 0.23, -0.17)
      g.closePath()
    })
    for (const [x, y, r] of [
      [-0.1, -0.25, 0.038],
      [0.03, -0.33, 0.042],
      [0.13, -0.23, 0.034],
    ] as const)
      detail(b, '#ffffff', oval(x, y, r))
  },
  snowman: (b) => {
    shape(b, '#ffffff', oval(0, -0.13, 0.165, 0.145))
    shape(b, '#ffffff', oval(0, -0.33, 0.115, 0.105))
    shape(b, '#3a3340', (g) => g.roundRect(-0.075, -0.53, 0.15, 0.1, 0.01))
    shape(b, '#3a3340', (g) => g.roundRect(-0.125, -0.445, 0.25, 0.035, 0.015))
    shape(b, '#ff8a1f', polygon(0.01, -0.345, 0.14, -0.325, 0.01, -0.305))
    for (const [x, y] of [
      [-0.035, -0.365],
      [0.05, -0.365],
      [0.01, -0.19],
      [0.01, -0.12],
    ] as const)
      detail(b, INK, oval(x, y, 0.018))
    limb(b, '#e5343c', 0.045, curve(-0.1, -0.26, 0, -0.215, 0.1, -0.26))
  },
  present: (b) => {
    shape(b, '#2f9e4d', (g) => g.roundRect(-0.17, -0.27, 0.34, 0.28, 0.02))
    detail(b, '#ffd84d', (g) => g.rect(-0.035, -0.265, 0.07, 0.27))
    shape(b, '#3fb862', (g) => g.roundRect(-0.19, -0.31, 0.38, 0.075, 0.02))
    detail(b, '#ffd84d', (g) => g.rect(-0.035, -0.302, 0.07, 0.06))
    shape(
      b,
      '#ffd84d',
      bothSides((s) => oval(s * 0.075, -0.35, 0.07, 0.04, s * -0.4)),
    )
  },
}
