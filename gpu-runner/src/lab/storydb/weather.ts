/** Rain and snow over a place that is painted already; characters come before them. */
import { oval } from './brush.ts'
import { random } from './random.ts'
import { glow, type Stage } from './scenery.ts'
import type { Scene } from './types.ts'

export function fall(stage: Stage, weather: NonNullable<Scene['weather']>, seed: number): void {
  const { g, time } = stage
  const r = random(seed, 5)
  const isRain = weather === 'rain'
  g.fillStyle = isRain ? '#3d4a6a66' : '#c9d6ea55'
  g.fillRect(-1, -1, 3, 3)
  const cloud = (
    isRain
      ? { day: '#77829b', sunset: '#8a7088', night: '#2c3454' }
      : { day: '#e3eaf4', sunset: '#e8cfcf', night: '#5b6790' }
  )[time]
  glow(stage, cloud, (p) => {
    for (let i = 0; i < 7; i++) {
      const [x, y] = [i / 6 + r.between(-0.04, 0.04), r.between(0, 0.06)]
      p.moveTo(x + 0.16, y)
      p.ellipse(x, y, 0.16, 0.1, 0, 0, 2 * Math.PI)
    }
  })
  if (isRain) {
    g.beginPath()
    for (let i = 0; i < 70; i++) {
      const [x, y] = [r.between(0, 1.1), r.between(0.08, 1)]
      g.moveTo(x, y)
      g.lineTo(x - 0.022, y + 0.065)
    }
    g.strokeStyle = time === 'night' ? '#9db8ee' : '#d5e9ff'
    g.lineWidth = 0.0085
    g.stroke()
    glow(stage, '#9cc4ea99', (p) => {
      for (const x of [0.15, 0.52, 0.86]) {
        p.moveTo(x + 0.1, 0.95)
        p.ellipse(x, 0.95, 0.1, 0.018, 0, 0, 2 * Math.PI)
      }
    })
    return
  }
  glow(stage, '#ffffff', (p) => {
    for (let i = 0; i < 60; i++) {
      const [x, y, size] = [r.next(), r.next(), r.between(0.006, 0.014)]
      p.moveTo(x + size, y)
      oval(x, y, size)(p)
    }
  })
  glow(stage, '#ffffffcc', (p) => {
    p.moveTo(-0.1, 0.93)
    p.quadraticCurveTo(0.25, 0.88, 0.5, 0.93)
    p.quadraticCurveTo(0.8, 0.89, 1.1, 0.93)
    p.lineTo(1.1, 1.1)
    p.lineTo(-0.1, 1.1)
  })
}
