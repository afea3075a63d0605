/** Heads: a big skull around (0, HEAD_Y) facing right, and what is particular to each species. */
import {
  type Brush,
  bothSides,
  curve,
  detail,
  limb,
  openLine,
  oval,
  type Path,
  polygon,
  shape,
  stroke,
} from './brush.ts'
import { drawFace } from './faces.ts'
import type { Head } from './head.ts'
import { isWild, wildHeads, wildTails } from './heads-wild.ts'
import { FUR, HAIR } from './palette.ts'
import type { Expression, HairStyle, Identity, Species } from './types.ts'

const HEAD_Y = -0.6

const round = oval(0, HEAD_Y, 0.25, 0.215)

const heads: Record<Species, Head> = {
  ...wildHeads,
  fox: {
    skull: (g) => {
      g.moveTo(0, -0.82)
      g.bezierCurveTo(0.17, -0.82, 0.25, -0.7, 0.24, -0.6)
      g.quadraticCurveTo(0.29, -0.54, 0.3, -0.5)
      g.quadraticCurveTo(0.15, -0.385, 0.02, -0.385)
      g.quadraticCurveTo(-0.15, -0.385, -0.3, -0.5)
      g.quadraticCurveTo(-0.29, -0.54, -0.24, -0.6)
      g.bezierCurveTo(-0.25, -0.7, -0.17, -0.82, 0, -0.82)
      g.closePath()
    },
    behind: (b, coat) => {
      shape(
        b,
        coat.base,
        bothSides((s) => polygon(s * 0.245, -0.64, s * 0.25, -0.97, s * 0.04, -0.79)),
      )
      detail(
        b,
        coat.dark,
        bothSides((s) => polygon(s * 0.235, -0.8, s * 0.242, -0.945, s * 0.15, -0.865)),
      )
    },
    marks: (b, coat) =>
      detail(b, coat.light, (g) => {
        g.moveTo(-0.285, -0.5)
        g.quadraticCurveTo(-0.1, -0.56, 0.03, -0.53)
        g.quadraticCurveTo(0.16, -0.56, 0.285, -0.5)
        g.quadraticCurveTo(0.15, -0.395, 0.02, -0.395)
        g.quadraticCurveTo(-0.15, -0.395, -0.285, -0.5)
      }),
  },
  bear: {
    skull: round,
    behind: (b, coat) => {
      shape(
        b,
        coat.base,
        bothSides((s) => oval(s * 0.19, -0.78, 0.085)),
      )
      detail(
        b,
        coat.light,
        bothSides((s) => oval(s * 0.19, -0.78, 0.048)),
      )
    },
    marks: (b, coat) => detail(b, coat.light, oval(0.03, -0.49, 0.12, 0.085)),
  },
  rabbit: {
    skull: oval(0, HEAD_Y, 0.235, 0.21),
    behind: (b, coat) => {
      shape(
        b,
        coat.base,
        bothSides((s) => oval(s * 0.115, -0.86, 0.062, 0.16, s * 0.12)),
      )
      detail(
        b,
        '#f48ba6',
        bothSides((s) => oval(s * 0.118, -0.87, 0.03, 0.115, s * 0.12)),
      )
    },
  },
  cat: {
    skull: oval(0, HEAD_Y, 0.265, 0.205),
    behind: (b, coat) => {
      shape(
        b,
        coat.base,
        bothSides((s) => polygon(s * 0.25, -0.66, s * 0.21, -0.92, s * 0.05, -0.78)),
      )
      detail(
        b,
        '#f48ba6',
        bothSides((s) => polygon(s * 0.215, -0.73, s * 0.195, -0.86, s * 0.11, -0.78)),
      )
    },
    marks: (b, coat) => {
      for (const x of [-0.055, 0.02, 0.095]) stroke(b, coat.dark, 0.028, openLine(x, -0.785, x, -0.72))
      for (const s of [-1, 1]) {
        stroke(b, coat.dark, 0.02, openLine(s * 0.19, -0.52, s * 0.25, -0.535))
        stroke(b, coat.dark, 0.02, openLine(s * 0.185, -0.485, s * 0.24, -0.475))
      }
      detail(b, coat.light, oval(0.03, -0.49, 0.1, 0.07))
    },
  },
  pig: {
    skull: oval(0, HEAD_Y, 0.26, 0.215),
    behind: (b, coat) =>
      shape(
        b,
        coat.dark,
        bothSides((s) => polygon(s * 0.24, -0.66, s * 0.27, -0.86, s * 0.08, -0.8)),
      ),
  },
  frog: {
    skull: oval(0, -0.575, 0.285, 0.19),
    behind: (b, coat) =>
      shape(
        b,
        coat.base,
        bothSides((s) => oval(s * 0.15, -0.74, 0.1)),
      ),
    marks: (b, coat) => {
      detail(
        b,
        coat.base,
        bothSides((s) => oval(s * 0.15, -0.73, 0.09)),
      )
      detail(b, coat.light, oval(0.02, -0.465, 0.19, 0.075))
    },
  },
  robot: {
    skull: (g) => g.roundRect(-0.25, -0.8, 0.5, 0.41, 0.08),
    behind: (b, coat) => {
      limb(b, coat.dark, 0.04, openLine(0, -0.78, 0, -0.9))
      shape(b, '#ff4d4d', oval(0, -0.925, 0.05))
      shape(
        b,
        coat.dark,
        bothSides((s) => oval(s * 0.265, -0.6, 0.05, 0.075)),
      )
    },
    marks: (b) => detail(b, '#23304f', (g) => g.roundRect(-0.185, -0.73, 0.4, 0.275, 0.07)),
  },
  girl: {
    skull: round,
    behind: (b, coat) =>
      shape(
        b,
        coat.base,
        bothSides((s) => oval(s * 0.25, -0.57, 0.045)),
      ),
  },
  boy: {
    skull: round,
    behind: (b, coat) =>
      shape(
        b,
        coat.base,
        bothSides((s) => oval(s * 0.255, -0.57, 0.055)),
      ),
  },
  mouse: {
    skull: oval(0, -0.585, 0.225, 0.2),
    behind: (b, coat) => {
      shape(
        b,
        coat.base,
        bothSides((s) => oval(s * 0.225, -0.76, 0.135)),
      )
      detail(
        b,
        '#f7a0b4',
        bothSides((s) => oval(s * 0.225, -0.76, 0.085)),
      )
    },
    marks: (b, coat) => detail(b, coat.light, oval(0.04, -0.475, 0.09, 0.065)),
  },
  dog: {
    skull: round,
    marks: (b, coat) => {
      detail(b, coat.dark, oval(-0.09, -0.625, 0.085, 0.1))
      detail(b, coat.light, oval(0.03, -0.485, 0.125, 0.085))
      shape(
        b,
        coat.dark,
        bothSides((s) => oval(s * 0.26, -0.6, 0.06, 0.145, s * -0.18)),
      )
    },
  },
  panda: {
    skull: oval(0, HEAD_Y, 0.26, 0.215),
    behind: (b) =>
      shape(
        b,
        '#3d3a45',
        bothSides((s) => oval(s * 0.2, -0.78, 0.085)),
      ),
    marks: (b) =>
      detail(
        b,
        '#3d3a45',
        bothSides((s) => oval(0.03 + s * 0.108, -0.595, 0.082, 0.098, s * 0.5)),
      ),
  },
  penguin: {
    skull: oval(0, HEAD_Y, 0.24, 0.22),
    marks: (b) =>
      detail(
        b,
        '#ffffff',
        bothSides((s) => oval(0.03 + s * 0.085, -0.56, 0.125, 0.145)),
      ),
  },
  elephant: {
    skull: oval(0, HEAD_Y, 0.225, 0.215),
    behind: (b, coat) => {
      shape(
        b,
        coat.base,
        bothSides((s) => oval(s * 0.28, -0.61, 0.12, 0.16)),
      )
      detail(
        b,
        '#f5a9bd',
        bothSides((s) => oval(s * 0.29, -0.61, 0.075, 0.11)),
      )
    },
  },
}

/** The head with face and hair, hats apart. */
export function drawHead(b: Brush, { species, fur, hair }: Identity, expression: Expression, closed: boolean): void {
  b.part = 'face'
  const coat = FUR[fur]
  const { skull, behind, marks } = heads[species]
  behind?.(b, coat)
  // A sheep's face is darker than its wool.
  shape(b, species === 'sheep' && fur !== 'black' ? coat.dark : coat.base, skull)
  marks?.(b, coat)
  drawFace(b, species, coat, expression, closed)
  if (hair) drawFrontHair(b, hair.style, HAIR[hair.colour])
}

/** Hair that falls behind head and shoulders, drawn before the body. */
export function drawBackHair(b: Brush, { hair }: Identity): void {
  if (!hair) return
  b.part = 'face'
  const { style } = hair
  const colour = HAIR[hair.colour]
  if (style === 'long') shape(b, colour, (g) => g.roundRect(-0.305, -0.84, 0.61, 0.55, [0.28, 0.28, 0.1, 0.1]))
  if (style === 'pigtails')
    shape(
      b,
      colour,
      bothSides((s) => oval(s * 0.325, -0.56, 0.085, 0.15, s * -0.3)),
    )
  if (style === 'bun') shape(b, colour, oval(-0.02, -0.88, 0.1, 0.09))
  if (style === 'curly') {
    const curls = [-0.27, -0.5, -0.3, -0.64, -0.23, -0.77, 0.27, -0.5, 0.3, -0.64, 0.23, -0.77]
    for (let i = 0; i < curls.length; i += 2) shape(b, colour, oval(curls[i]!, curls[i + 1]!, 0.1))
  }
}

function drawFrontHair(b: Brush, style: HairStyle, colour: string): void {
  if (style === 'curly') {
    const curls: Path = (g) => {
      for (const x of [-0.19, -0.065, 0.065, 0.19]) {
        const y = -0.78 + Math.abs(x) * 0.25
        g.moveTo(x + 0.1, y)
        g.arc(x, y, 0.1, 0, 2 * Math.PI)
      }
    }
    shape(b, colour, curls)
    detail(b, colour, curls)
    return
  }
  shape(b, colour, (g) => {
    g.moveTo(-0.262, -0.56)
    if (style === 'spiky') {
      for (const [x, y] of [
        [-0.33, -0.7],
        [-0.24, -0.74],
        [-0.26, -0.88],
        [-0.12, -0.83],
        [-0.04, -0.95],
        [0.06, -0.84],
        [0.2, -0.91],
        [0.21, -0.76],
        [0.32, -0.73],
      ] as const)
        g.lineTo(x, y)
      g.lineTo(0.262, -0.58)
    } else g.bezierCurveTo(-0.29, -0.93, 0.29, -0.93, 0.262, -0.56)
    g.quadraticCurveTo(0.22, -0.68, 0.13, -0.72)
    g.quadraticCurveTo(0.02, -0.67, -0.1, -0.71)
    g.quadraticCurveTo(-0.2, -0.68, -0.262, -0.56)
    g.closePath()
  })
}

/** Tails belong to the lower body and are drawn before everything else. */
export function drawTail(b: Brush, { species, fur }: Identity): void {
  b.part = 'lower'
  const coat = FUR[fur]
  if (isWild(species)) wildTails[species]?.(b, coat)
  if (species === 'fox') {
    shape(b, coat.base, (g) => {
      g.moveTo(-0.06, -0.14)
      g.bezierCurveTo(-0.3, -0.06, -0.42, -0.2, -0.36, -0.4)
      g.bezierCurveTo(-0.26, -0.34, -0.2, -0.28, -0.06, -0.24)
    })
    detail(b, coat.light, polygon(-0.385, -0.28, -0.355, -0.385, -0.255, -0.315))
  }
  if (species === 'cat' || species === 'dog') limb(b, coat.base, 0.06, tailCurve)
  if (species === 'mouse' || species === 'elephant') limb(b, coat.dark, 0.04, tailCurve)
  if (species === 'pig') limb(b, coat.base, 0.04, curve(-0.1, -0.15, -0.3, -0.1, -0.22, -0.22))
  if (species === 'bear' || species === 'rabbit' || species === 'panda') {
    shape(b, species === 'panda' ? '#3d3a45' : coat.base, oval(-0.17, -0.15, species === 'rabbit' ? 0.06 : 0.045))
  }
}

const tailCurve: Path = (g) => {
  g.moveTo(-0.1, -0.13)
  g.bezierCurveTo(-0.3, -0.06, -0.27, -0.24, -0.33, -0.3)
}

/** Colour of hands and bare legs. */
export function skinOf({ species, fur }: Identity): string {
  if (species === 'sheep' || species === 'robot') return FUR[fur].dark
  return species === 'panda' ? '#3d3a45' : FUR[fur].base
}

export function footOf({ species, fur }: Identity): string {
  if (species === 'penguin' || species === 'duck' || species === 'owl') return '#ff9a2e'
  if (species === 'cow' || species === 'horse' || species === 'sheep') return '#5a4636'
  if (species === 'girl' || species === 'boy') return '#6b3f2a'
  return species === 'panda' ? '#3d3a45' : FUR[fur][species === 'robot' ? 'dark' : 'base']
}
