/** What is worn or held besides clothes. Hats sit on the skull, whose top is at y = -0.815. */
import { type Brush, bothSides, curve, detail, INK, limb, openLine, oval, polygon, shape, stroke } from './brush.ts'
import { CLOTH } from './palette.ts'
import type { Action, Identity } from './types.ts'

/** Behind the body: a backpack's bag. */
export function drawBehind(b: Brush, { accessory }: Identity): void {
  if (accessory?.type !== 'backpack') return
  b.part = 'upper'
  shape(b, CLOTH[accessory.colour], (g) => g.roundRect(-0.3, -0.42, 0.5, 0.26, 0.08))
}

/** Over the top, under the head: a backpack's straps. */
export function drawStraps(b: Brush, { accessory }: Identity): void {
  b.part = 'upper'
  if (accessory?.type === 'backpack') {
    const colour = CLOTH[accessory.colour]
    for (const s of [-1, 1]) limb(b, colour, 0.055, curve(s * 0.09, -0.39, s * 0.13, -0.3, s * 0.14, -0.21))
  }
}

/** Over the chin, so that the big head does not hide it. */
export function drawScarf(b: Brush, { accessory }: Identity): void {
  if (accessory?.type !== 'scarf') return
  b.part = 'upper'
  const colour = CLOTH[accessory.colour]
  shape(b, colour, (g) => g.roundRect(-0.165, -0.35, 0.11, 0.19, 0.025))
  shape(b, colour, (g) => g.roundRect(-0.2, -0.412, 0.4, 0.112, 0.055))
}

/** On the head. A frog's eyes sit on top of its head, so its hats come behind it, raised to show between the eyes. */
export function drawOnHead(b: Brush, { accessory, species }: Identity): void {
  if (!accessory) return
  b.part = 'face'
  const colour = CLOTH[accessory.colour]
  const eyeY = species === 'frog' ? -0.74 : species === 'girl' || species === 'boy' ? -0.59 : -0.62
  const eyeX = species === 'frog' ? 0.15 : 0.108
  if (accessory.type === 'crown') {
    shape(
      b,
      colour,
      polygon(-0.16, -0.75, -0.19, -0.95, -0.085, -0.87, 0, -0.985, 0.085, -0.87, 0.19, -0.95, 0.16, -0.75),
    )
    detail(b, accessory.colour === 'red' ? '#ffe27a' : '#ff4d5e', oval(0, -0.815, 0.034))
  }
  if (accessory.type === 'cap') {
    shape(b, colour, (g) => {
      g.moveTo(-0.235, -0.7)
      g.bezierCurveTo(-0.24, -0.93, 0.24, -0.93, 0.235, -0.7)
      g.closePath()
    })
    shape(b, colour, (g) => g.roundRect(0.03, -0.745, 0.34, 0.075, 0.035))
  }
  if (accessory.type === 'party hat') {
    shape(b, colour, polygon(-0.145, -0.76, 0, -1.03, 0.145, -0.76))
    detail(b, '#ffffff', polygon(-0.108, -0.835, -0.073, -0.9, 0.073, -0.9, 0.108, -0.835))
    shape(b, '#ffffff', oval(0, -1.02, 0.045))
  }
  if (accessory.type === 'wizard hat') {
    shape(b, colour, polygon(-0.18, -0.75, -0.04, -0.97, 0.1, -1.02, 0.18, -0.75))
    shape(b, colour, oval(0, -0.745, 0.3, 0.055))
    detail(b, '#ffe27a', oval(0.02, -0.86, 0.05))
  }
  if (accessory.type === 'bow') {
    shape(b, colour, polygon(0, -0.81, -0.17, -0.92, -0.17, -0.73))
    shape(b, colour, polygon(0, -0.81, 0.17, -0.92, 0.17, -0.73))
    shape(b, colour, oval(0, -0.815, 0.05))
  }
  if (accessory.type === 'glasses') {
    for (const s of [-1, 1]) {
      stroke(b, INK, 0.052, oval(0.03 + s * eyeX, eyeY, 0.088))
      stroke(b, colour, 0.03, oval(0.03 + s * eyeX, eyeY, 0.088))
    }
    stroke(b, colour, 0.03, openLine(0.03 - eyeX + 0.088, eyeY, 0.03 + eyeX - 0.088, eyeY))
  }
}

/** What the action holds; `hand` is where the near hand is. */
export function drawHeld(b: Brush, action: Action, [x, y]: readonly [number, number]): void {
  b.part = 'held'
  if (action === 'balloon') {
    limb(b, '#ffffff', 0.012, curve(x, y + 0.02, x + 0.02, y - 0.1, x + 0.09, y - 0.22))
    shape(b, '#ff3b5c', polygon(x + 0.06, y - 0.18, x + 0.09, y - 0.24, x + 0.12, y - 0.18))
    shape(b, '#ff3b5c', oval(x + 0.09, y - 0.34, 0.115, 0.135))
    detail(b, '#ffc2cc', oval(x + 0.05, y - 0.39, 0.028, 0.04, 0.5))
  }
  if (action === 'reading') {
    shape(b, '#8a4b2d', polygon(-0.19, -0.35, 0.01, -0.31, 0.21, -0.35, 0.21, -0.17, 0.01, -0.13, -0.19, -0.17))
    detail(b, '#fffdf2', polygon(-0.165, -0.345, -0.005, -0.31, -0.005, -0.16, -0.165, -0.195))
    detail(b, '#fffdf2', polygon(0.185, -0.345, 0.025, -0.31, 0.025, -0.16, 0.185, -0.195))
  }
  if (action === 'eating') {
    shape(b, '#e0a050', polygon(x - 0.055, y - 0.07, x + 0.055, y - 0.07, x, y + 0.06))
    shape(b, '#ff9ecb', oval(x, y - 0.11, 0.075))
  }
  if (action === 'flower') {
    limb(b, '#2f9e4d', 0.035, openLine(x, y + 0.06, x + 0.04, y - 0.16))
    shape(b, '#ff6fae', (g) => {
      for (let i = 0; i < 5; i++) {
        const a = (2 * Math.PI * i) / 5 - Math.PI / 2
        const px = x + 0.045 + 0.06 * Math.cos(a)
        const py = y - 0.2 + 0.06 * Math.sin(a)
        g.moveTo(px + 0.052, py)
        g.arc(px, py, 0.052, 0, 2 * Math.PI)
      }
    })
    detail(b, '#ffe14d', oval(x + 0.045, y - 0.2, 0.042))
  }
  if (action === 'kicking') {
    shape(b, '#ffffff', oval(0.41, -0.09, 0.085))
    detail(b, INK, oval(0.41, -0.09, 0.034))
    detail(
      b,
      INK,
      bothSides((s) => oval(0.41 + s * 0.062, -0.06, 0.014)),
    )
  }
}
