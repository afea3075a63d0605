/** Eyes, nose and mouth in four moods, on a head that faces right (features sit a little to the right). */
import { type Brush, bothSides, curve, detail, INK, limb, oval, polygon, shape, stroke } from './brush.ts'
import type { Coat } from './head.ts'
import { isWild, type WildSpecies } from './heads-wild.ts'
import type { Expression, Species } from './types.ts'

/** Features are centred here, right of the head's middle. */
const X = 0.03

/** Where eyes and mouth sit; `width` scales the mouth. */
const features: Record<Species, { eyeX: number; eyeY: number; mouthY: number; width: number }> = {
  fox: { eyeX: 0.11, eyeY: -0.62, mouthY: -0.45, width: 0.8 },
  bear: { eyeX: 0.11, eyeY: -0.63, mouthY: -0.465, width: 0.8 },
  rabbit: { eyeX: 0.1, eyeY: -0.62, mouthY: -0.48, width: 0.8 },
  cat: { eyeX: 0.11, eyeY: -0.61, mouthY: -0.47, width: 0.75 },
  pig: { eyeX: 0.125, eyeY: -0.64, mouthY: -0.435, width: 0.75 },
  frog: { eyeX: 0.15, eyeY: -0.74, mouthY: -0.5, width: 1.7 },
  robot: { eyeX: 0.095, eyeY: -0.62, mouthY: -0.51, width: 1 },
  girl: { eyeX: 0.105, eyeY: -0.59, mouthY: -0.475, width: 1 },
  boy: { eyeX: 0.105, eyeY: -0.59, mouthY: -0.475, width: 1 },
  mouse: { eyeX: 0.095, eyeY: -0.6, mouthY: -0.44, width: 0.7 },
  dog: { eyeX: 0.11, eyeY: -0.62, mouthY: -0.46, width: 0.8 },
  panda: { eyeX: 0.108, eyeY: -0.6, mouthY: -0.46, width: 0.8 },
  penguin: { eyeX: 0.1, eyeY: -0.6, mouthY: -0.44, width: 0.7 },
  elephant: { eyeX: 0.11, eyeY: -0.64, mouthY: -0.44, width: 0.7 },
  lion: { eyeX: 0.1, eyeY: -0.62, mouthY: -0.46, width: 0.8 },
  tiger: { eyeX: 0.11, eyeY: -0.62, mouthY: -0.46, width: 0.85 },
  monkey: { eyeX: 0.095, eyeY: -0.62, mouthY: -0.465, width: 1 },
  owl: { eyeX: 0.108, eyeY: -0.61, mouthY: -0.44, width: 0.7 },
  duck: { eyeX: 0.1, eyeY: -0.63, mouthY: -0.425, width: 0.9 },
  cow: { eyeX: 0.105, eyeY: -0.64, mouthY: -0.435, width: 0.8 },
  horse: { eyeX: 0.1, eyeY: -0.62, mouthY: -0.43, width: 0.8 },
  sheep: { eyeX: 0.09, eyeY: -0.6, mouthY: -0.46, width: 0.75 },
  dragon: { eyeX: 0.11, eyeY: -0.63, mouthY: -0.455, width: 1 },
  squirrel: { eyeX: 0.105, eyeY: -0.62, mouthY: -0.465, width: 0.7 },
}

export function drawFace(b: Brush, species: Species, coat: Coat, expression: Expression, closed: boolean): void {
  if (species === 'robot') drawRobotFace(b, expression, closed)
  else {
    drawCheeks(b, species)
    drawEyes(b, species, expression, closed)
    drawMouth(b, species, expression)
  }
  drawNose(b, species, coat)
}

function drawCheeks(b: Brush, species: Species): void {
  const { eyeX, mouthY } = features[species]
  const y = species === 'frog' ? -0.57 : mouthY - 0.055
  detail(
    b,
    '#ff6f7d88',
    bothSides((s) => oval(X + s * (eyeX + 0.075), y, 0.042, 0.03)),
  )
}

function drawEyes(b: Brush, species: Species, expression: Expression, closed: boolean): void {
  const { eyeX, eyeY } = features[species]
  for (const s of [-1, 1]) {
    const x = X + s * eyeX
    if (closed) {
      const lid = species === 'panda' ? '#ffffff' : INK
      stroke(b, lid, 0.022, curve(x - 0.05, eyeY, x, eyeY + 0.05, x + 0.05, eyeY))
      continue
    }
    const wide = expression === 'surprised' ? 1.25 : 1
    detail(b, '#ffffff', oval(x, eyeY, 0.058 * wide, 0.068 * wide))
    const r = expression === 'surprised' ? 0.036 : 0.046
    detail(b, INK, oval(x + 0.008, eyeY + 0.004, r, r * 1.2))
    detail(b, '#ffffff', oval(x + 0.022, eyeY - 0.02, 0.017))
    drawBrow(b, x, eyeY, s, expression)
  }
  if (expression === 'sad' && !closed) {
    const x = X - eyeX - 0.015
    detail(b, '#4db8ff', (g) => {
      g.moveTo(x, eyeY + 0.055)
      g.bezierCurveTo(x + 0.05, eyeY + 0.12, x + 0.04, eyeY + 0.16, x, eyeY + 0.16)
      g.bezierCurveTo(x - 0.04, eyeY + 0.16, x - 0.05, eyeY + 0.12, x, eyeY + 0.055)
    })
  }
}

function drawBrow(b: Brush, x: number, eyeY: number, side: number, expression: Expression): void {
  const y = eyeY - 0.085
  if (expression === 'sad')
    stroke(b, INK, 0.024, curve(x - side * 0.045, y - 0.035, x, y - 0.01, x + side * 0.055, y + 0.02))
  if (expression === 'angry')
    stroke(b, INK, 0.03, curve(x - side * 0.06, y + 0.045, x, y + 0.02, x + side * 0.055, y - 0.03))
  if (expression === 'surprised') stroke(b, INK, 0.02, curve(x - 0.045, y - 0.03, x, y - 0.06, x + 0.045, y - 0.03))
}

function drawMouth(b: Brush, species: Species, expression: Expression): void {
  const { mouthY: y, width } = features[species]
  const w = 0.075 * width
  if (expression === 'happy') {
    shape(b, '#c9344a', (g) => {
      g.moveTo(X - w, y - 0.015)
      g.quadraticCurveTo(X, y + 0.01, X + w, y - 0.015)
      g.quadraticCurveTo(X + w * 0.6, y + 0.055, X, y + 0.055)
      g.quadraticCurveTo(X - w * 0.6, y + 0.055, X - w, y - 0.015)
    })
    if (species === 'rabbit' || species === 'squirrel')
      detail(b, '#ffffff', (g) => g.rect(X - 0.025, y - 0.008, 0.05, 0.032))
  }
  if (expression === 'surprised') shape(b, '#8e2136', oval(X, y + 0.018, 0.036, 0.043))
  if (expression === 'sad') stroke(b, INK, 0.024, curve(X - w, y + 0.04, X, y - 0.025, X + w, y + 0.04))
  if (expression === 'angry') stroke(b, INK, 0.028, curve(X - w, y + 0.03, X, y + 0.005, X + w, y + 0.03))
}

function drawNose(b: Brush, species: Species, coat: Coat): void {
  const { mouthY } = features[species]
  const y = mouthY - 0.06
  if (species === 'fox' || species === 'bear' || species === 'dog') detail(b, INK, oval(X + 0.01, y, 0.042, 0.03))
  if (isWild(species)) drawWildNose(b, species, coat, y)
  if (species === 'panda') detail(b, INK, oval(X, y, 0.034, 0.025))
  if (species === 'cat' || species === 'rabbit') {
    detail(b, '#ee6f8e', polygon(X - 0.03, y - 0.012, X + 0.03, y - 0.012, X, y + 0.022))
  }
  if (species === 'mouse') detail(b, '#ee6f8e', oval(X + 0.02, y, 0.036, 0.03))
  if (species === 'girl' || species === 'boy') detail(b, coat.dark, oval(X + 0.01, y - 0.005, 0.02, 0.015))
  if (species === 'pig') {
    shape(b, coat.light, oval(X + 0.01, -0.515, 0.098, 0.066))
    detail(
      b,
      coat.dark,
      bothSides((s) => oval(X + 0.01 + s * 0.036, -0.515, 0.019, 0.029)),
    )
  }
  if (species === 'penguin') {
    shape(b, '#ff9a2e', (g) => {
      g.moveTo(X - 0.055, -0.535)
      g.quadraticCurveTo(X + 0.02, -0.58, X + 0.075, -0.535)
      g.quadraticCurveTo(X + 0.03, -0.48, X + 0.01, -0.475)
      g.quadraticCurveTo(X - 0.02, -0.49, X - 0.055, -0.535)
    })
  }
  if (species === 'elephant') {
    limb(b, coat.base, 0.09, (g) => {
      g.moveTo(X, -0.56)
      g.bezierCurveTo(X + 0.02, -0.42, X + 0.08, -0.37, X + 0.17, -0.43)
    })
    detail(b, coat.base, oval(X, -0.57, 0.05, 0.04))
  }
}

function drawWildNose(b: Brush, species: WildSpecies, coat: Coat, y: number): void {
  const nostrils = (colour: string, at: number, apart: number) =>
    detail(
      b,
      colour,
      bothSides((s) => oval(X + s * apart, at, 0.017, 0.02)),
    )
  if (species === 'lion' || species === 'tiger')
    detail(b, '#8a3b3b', polygon(X - 0.04, y - 0.015, X + 0.04, y - 0.015, X, y + 0.025))
  if (species === 'squirrel') detail(b, INK, oval(X, y, 0.026, 0.02))
  if (species === 'sheep') detail(b, INK, polygon(X - 0.028, y - 0.01, X + 0.028, y - 0.01, X, y + 0.018))
  if (species === 'monkey') nostrils(coat.dark, y - 0.01, 0.02)
  if (species === 'dragon') nostrils(coat.dark, y - 0.005, 0.05)
  if (species === 'cow') nostrils('#b35a6c', y + 0.002, 0.065)
  if (species === 'horse') nostrils(coat.dark, y + 0.02, 0.055)
  if (species === 'owl') shape(b, '#ff9a2e', polygon(X - 0.045, -0.565, X + 0.045, -0.565, X, -0.475))
  if (species === 'duck')
    shape(b, '#ff9a2e', (g) => {
      g.moveTo(X - 0.11, -0.53)
      g.quadraticCurveTo(X, -0.59, X + 0.12, -0.53)
      g.bezierCurveTo(X + 0.2, -0.48, X + 0.1, -0.455, X + 0.01, -0.465)
      g.bezierCurveTo(X - 0.09, -0.455, X - 0.19, -0.48, X - 0.11, -0.53)
    })
}

const screen = '#5ff0ff'

function drawRobotFace(b: Brush, expression: Expression, closed: boolean): void {
  const { eyeX, eyeY, mouthY: y } = features.robot
  const x = X - 0.015
  for (const s of [-1, 1]) {
    const ex = x + s * eyeX
    if (closed) stroke(b, screen, 0.024, curve(ex - 0.045, eyeY, ex, eyeY + 0.04, ex + 0.045, eyeY))
    else if (expression === 'surprised') stroke(b, screen, 0.026, oval(ex, eyeY, 0.048))
    else detail(b, screen, oval(ex, eyeY, 0.045, 0.052))
    if (expression === 'sad' && !closed) {
      detail(b, '#23304f', polygon(ex - s * 0.02, eyeY - 0.07, ex + s * 0.07, eyeY - 0.07, ex + s * 0.07, eyeY + 0.01))
    }
    if (expression === 'angry' && !closed) {
      detail(b, '#23304f', polygon(ex + s * 0.02, eyeY - 0.07, ex - s * 0.07, eyeY - 0.07, ex - s * 0.07, eyeY + 0.01))
    }
  }
  if (expression === 'happy') {
    detail(b, screen, (g) => {
      g.moveTo(x - 0.085, y - 0.015)
      g.lineTo(x + 0.085, y - 0.015)
      g.quadraticCurveTo(x + 0.06, y + 0.04, x, y + 0.04)
      g.quadraticCurveTo(x - 0.06, y + 0.04, x - 0.085, y - 0.015)
    })
  }
  if (expression === 'surprised') stroke(b, screen, 0.024, oval(x, y + 0.01, 0.028))
  if (expression === 'sad') stroke(b, screen, 0.026, curve(x - 0.07, y + 0.035, x, y - 0.03, x + 0.07, y + 0.035))
  if (expression === 'angry') stroke(b, screen, 0.03, curve(x - 0.07, y + 0.015, x, y + 0.015, x + 0.07, y + 0.015))
}
