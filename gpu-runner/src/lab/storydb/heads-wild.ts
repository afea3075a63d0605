/** Heads and tails of the beasts that level 6 brings; coordinates are those of `heads.ts`. */
import { type Brush, bothSides, curve, detail, INK, limb, oval, type Path, polygon, shape, stroke } from './brush.ts'
import type { Coat, Head } from './head.ts'
import type { Species } from './types.ts'

export type WildSpecies = Extract<
  Species,
  'lion' | 'tiger' | 'monkey' | 'owl' | 'duck' | 'cow' | 'horse' | 'sheep' | 'dragon' | 'squirrel'
>

const HEAD_Y = -0.6

/** A ring of `count` bumps around (x, y): manes and wool. */
const bumps =
  (x: number, y: number, rx: number, ry: number, count: number): Path =>
  (g) => {
    for (let i = 0; i <= count; i++) {
      const [a, half] = [(2 * Math.PI * i) / count, Math.PI / count]
      const at = (turn: number, out: number): [number, number] => [
        x + rx * out * Math.cos(turn),
        y + ry * out * Math.sin(turn),
      ]
      if (i === 0) g.moveTo(...at(a, 1))
      else g.quadraticCurveTo(...at(a - half, 1.28), ...at(a, 1))
    }
    g.closePath()
  }

const roundEars = (b: Brush, coat: Coat, inner: string) => {
  shape(
    b,
    coat.base,
    bothSides((s) => oval(s * 0.2, -0.775, 0.08)),
  )
  detail(
    b,
    inner,
    bothSides((s) => oval(s * 0.2, -0.775, 0.045)),
  )
}

const sideEars = (b: Brush, coat: Coat, inner: string, drop: number) => {
  shape(
    b,
    coat.base,
    bothSides((s) => oval(s * 0.28, -0.64 + drop, 0.1, 0.055, s * (0.25 + drop * 4))),
  )
  detail(
    b,
    inner,
    bothSides((s) => oval(s * 0.285, -0.64 + drop, 0.06, 0.03, s * (0.25 + drop * 4))),
  )
}

export const wildHeads: Record<WildSpecies, Head> = {
  lion: {
    skull: oval(0, HEAD_Y + 0.01, 0.215, 0.19),
    behind: (b, coat) => {
      shape(b, coat.dark, bumps(0, HEAD_Y, 0.275, 0.255, 13))
      shape(
        b,
        coat.base,
        bothSides((s) => oval(s * 0.175, -0.775, 0.06)),
      )
    },
    marks: (b, coat) => detail(b, coat.light, oval(0.03, -0.485, 0.115, 0.08)),
  },
  tiger: {
    skull: oval(0, HEAD_Y, 0.255, 0.215),
    behind: (b, coat) => roundEars(b, coat, coat.light),
    marks: (b, coat) => {
      detail(b, coat.light, oval(0.03, -0.48, 0.14, 0.085))
      stroke(b, INK, 0.03, (g) => {
        g.moveTo(0.02, -0.805)
        g.lineTo(0.02, -0.715)
        for (const s of [-1, 1]) {
          g.moveTo(0.02 + s * 0.085, -0.79)
          g.lineTo(0.02 + s * 0.055, -0.725)
          g.moveTo(s * 0.245, -0.62)
          g.lineTo(s * 0.185, -0.6)
          g.moveTo(s * 0.243, -0.545)
          g.lineTo(s * 0.18, -0.535)
          g.moveTo(s * 0.215, -0.475)
          g.lineTo(s * 0.165, -0.48)
        }
      })
    },
  },
  monkey: {
    skull: oval(0, HEAD_Y, 0.235, 0.215),
    behind: (b, coat) => {
      shape(
        b,
        coat.base,
        bothSides((s) => oval(s * 0.265, -0.59, 0.09)),
      )
      detail(
        b,
        coat.light,
        bothSides((s) => oval(s * 0.27, -0.59, 0.052)),
      )
      limb(b, coat.base, 0.04, curve(0.0, -0.8, 0.02, -0.9, 0.08, -0.9))
    },
    marks: (b, coat) => {
      detail(
        b,
        coat.light,
        bothSides((s) => oval(0.03 + s * 0.085, -0.62, 0.1, 0.105)),
      )
      detail(b, coat.light, oval(0.03, -0.495, 0.15, 0.1))
    },
  },
  owl: {
    skull: oval(0, HEAD_Y, 0.25, 0.22),
    behind: (b, coat) =>
      shape(
        b,
        coat.dark,
        bothSides((s) => polygon(s * 0.24, -0.64, s * 0.24, -0.93, s * 0.06, -0.79)),
      ),
    marks: (b, coat) => {
      detail(
        b,
        coat.light,
        bothSides((s) => oval(0.03 + s * 0.108, -0.61, 0.108, 0.118)),
      )
      detail(b, coat.dark, polygon(0.03, -0.69, -0.07, -0.8, 0.13, -0.8))
    },
  },
  duck: {
    skull: oval(0, HEAD_Y, 0.225, 0.215),
    behind: (b, coat) => {
      limb(b, coat.base, 0.045, curve(-0.01, -0.8, -0.02, -0.9, -0.1, -0.92))
      limb(b, coat.base, 0.045, curve(0.02, -0.8, 0.04, -0.9, 0, -0.95))
    },
  },
  cow: {
    skull: oval(0, HEAD_Y, 0.215, 0.22),
    behind: (b, coat) => {
      for (const s of [-1, 1]) limb(b, '#efe2c4', 0.06, curve(s * 0.12, -0.77, s * 0.22, -0.82, s * 0.2, -0.92))
      sideEars(b, coat, '#f7a0b4', 0)
    },
    marks: (b, coat) => {
      const patch = coat.base === '#fbf7f1' ? '#3f3a48' : coat.light
      detail(b, patch, oval(-0.095, -0.65, 0.1, 0.12, 0.3))
      shape(b, '#f7b6c0', oval(0.025, -0.465, 0.165, 0.095))
    },
  },
  horse: {
    skull: (g) => {
      g.moveTo(0, -0.82)
      g.bezierCurveTo(0.2, -0.82, 0.22, -0.7, 0.19, -0.58)
      g.quadraticCurveTo(0.175, -0.5, 0.17, -0.45)
      g.bezierCurveTo(0.15, -0.36, -0.1, -0.36, -0.13, -0.45)
      g.quadraticCurveTo(-0.14, -0.5, -0.18, -0.58)
      g.bezierCurveTo(-0.22, -0.7, -0.2, -0.82, 0, -0.82)
      g.closePath()
    },
    behind: (b, coat) => {
      shape(b, coat.dark, (g) => {
        g.moveTo(0.06, -0.86)
        g.bezierCurveTo(-0.26, -0.98, -0.4, -0.62, -0.28, -0.34)
        g.quadraticCurveTo(-0.2, -0.38, -0.12, -0.5)
      })
      shape(
        b,
        coat.base,
        bothSides((s) => polygon(s * 0.2, -0.72, s * 0.2, -0.95, s * 0.07, -0.8)),
      )
    },
    marks: (b, coat) => {
      detail(b, coat.light, oval(0.02, -0.45, 0.145, 0.072))
      shape(b, coat.dark, polygon(-0.13, -0.81, 0.02, -0.9, 0.12, -0.81, 0.07, -0.68, 0.0, -0.75, -0.06, -0.7))
    },
  },
  sheep: {
    skull: oval(0.01, -0.575, 0.195, 0.19),
    behind: (b, coat) => {
      shape(b, coat.light, bumps(0, HEAD_Y - 0.015, 0.25, 0.225, 11))
      shape(
        b,
        coat.dark,
        bothSides((s) => oval(s * 0.27, -0.6, 0.095, 0.05, s * 0.5)),
      )
    },
    marks: (b, coat) => shape(b, coat.light, bumps(0.01, -0.755, 0.15, 0.06, 7)),
  },
  dragon: {
    skull: oval(0, HEAD_Y, 0.24, 0.205),
    behind: (b, coat) => {
      shape(b, coat.dark, polygon(-0.3, -0.66, -0.13, -0.79, -0.08, -0.62, -0.2, -0.5))
      shape(b, coat.dark, polygon(0.3, -0.66, 0.13, -0.79, 0.08, -0.62, 0.2, -0.5))
      shape(b, coat.dark, polygon(-0.07, -0.78, -0.01, -0.94, 0.06, -0.78))
      for (const s of [-1, 1]) limb(b, '#f3e6c0', 0.06, curve(s * 0.12, -0.77, s * 0.13, -0.88, s * 0.2, -0.93))
    },
    marks: (b, coat) => detail(b, coat.light, oval(0.035, -0.475, 0.15, 0.085)),
  },
  squirrel: {
    skull: oval(0, HEAD_Y, 0.25, 0.205),
    behind: (b, coat) => {
      shape(
        b,
        coat.base,
        bothSides((s) => polygon(s * 0.22, -0.7, s * 0.205, -0.89, s * 0.07, -0.78)),
      )
      for (const s of [-1, 1]) limb(b, coat.dark, 0.035, curve(s * 0.2, -0.87, s * 0.21, -0.92, s * 0.25, -0.95))
    },
    marks: (b, coat) => {
      detail(
        b,
        coat.light,
        bothSides((s) => oval(0.03 + s * 0.095, -0.495, 0.105, 0.085)),
      )
    },
  },
}

export const isWild = (species: Species): species is WildSpecies => species in wildHeads

export const wildTails: Partial<Record<WildSpecies, (b: Brush, coat: Coat) => void>> = {
  lion: (b, coat) => {
    limb(b, coat.base, 0.05, curve(-0.1, -0.13, -0.36, -0.05, -0.34, -0.28))
    shape(b, coat.dark, oval(-0.34, -0.32, 0.055, 0.07))
  },
  tiger: (b, coat) => {
    limb(b, coat.base, 0.06, curve(-0.1, -0.13, -0.36, -0.02, -0.34, -0.3))
    stroke(b, INK, 0.045, curve(-0.345, -0.22, -0.345, -0.26, -0.34, -0.3))
  },
  monkey: (b, coat) =>
    limb(b, coat.base, 0.04, (g) => {
      g.moveTo(-0.1, -0.13)
      g.bezierCurveTo(-0.42, -0.02, -0.44, -0.3, -0.34, -0.36)
      g.bezierCurveTo(-0.26, -0.38, -0.27, -0.26, -0.34, -0.28)
    }),
  duck: (b, coat) => shape(b, coat.base, polygon(-0.1, -0.22, -0.28, -0.27, -0.24, -0.17, -0.1, -0.13)),
  cow: (b, coat) => {
    limb(b, coat.base, 0.03, curve(-0.12, -0.16, -0.3, -0.2, -0.3, -0.06))
    shape(b, coat.dark, oval(-0.3, -0.05, 0.035, 0.055))
  },
  horse: (b, coat) =>
    shape(b, coat.dark, (g) => {
      g.moveTo(-0.1, -0.2)
      g.bezierCurveTo(-0.38, -0.3, -0.42, -0.1, -0.34, -0.02)
      g.quadraticCurveTo(-0.26, -0.06, -0.1, -0.12)
    }),
  sheep: (b, coat) => shape(b, coat.light, oval(-0.18, -0.15, 0.055)),
  dragon: (b, coat) => {
    for (const s of [-1, 1])
      shape(b, coat.dark, (g) => {
        g.moveTo(s * 0.08, -0.36)
        g.lineTo(s * 0.42, -0.52)
        g.quadraticCurveTo(s * 0.44, -0.34, s * 0.4, -0.2)
        g.quadraticCurveTo(s * 0.33, -0.29, s * 0.28, -0.21)
        g.quadraticCurveTo(s * 0.2, -0.3, s * 0.1, -0.22)
        g.closePath()
      })
    shape(b, coat.base, (g) => {
      g.moveTo(-0.06, -0.18)
      g.quadraticCurveTo(-0.26, -0.12, -0.36, -0.02)
      g.quadraticCurveTo(-0.2, -0.02, -0.04, -0.1)
    })
    shape(b, coat.dark, polygon(-0.31, -0.04, -0.43, -0.06, -0.37, 0.02))
  },
  squirrel: (b, coat) => {
    shape(b, coat.base, (g) => {
      g.moveTo(-0.08, -0.12)
      g.bezierCurveTo(-0.5, -0.02, -0.54, -0.42, -0.4, -0.56)
      g.bezierCurveTo(-0.3, -0.66, -0.2, -0.54, -0.27, -0.46)
      g.bezierCurveTo(-0.22, -0.36, -0.24, -0.26, -0.08, -0.22)
    })
    detail(b, coat.light, oval(-0.37, -0.36, 0.045, 0.14, -0.15))
  },
}
