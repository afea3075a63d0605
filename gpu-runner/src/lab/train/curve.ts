/** A line chart as SVG, for figures over a training's course. */

export interface Curve {
  name: string
  points: readonly (readonly [x: number, y: number])[]
}

const size = { width: 720, height: 320 }
const margin = { left: 52, right: 110, top: 28, bottom: 40 }
const colours = ['#2b6cb0', '#c05621', '#2f855a', '#97266d', '#4a5568', '#b7791f']

/** Axes begin and end at round numbers around the points; null where no curve has two points. */
export function curveChart(title: string, xLabel: string, curves: readonly Curve[]): string | null {
  const drawn = curves.filter(({ points }) => points.length > 1)
  if (drawn.length === 0) return null
  const all = drawn.flatMap(({ points }) => points)
  const [xs, ys] = [ticks(all.map(([x]) => x)), ticks(all.map(([, y]) => y))]
  const across = scaleOf(xs, margin.left, size.width - margin.right)
  const up = scaleOf(ys, size.height - margin.bottom, margin.top)
  const at = (x: number, y: number) => `${across(x).toFixed(1)},${up(y).toFixed(1)}`
  const grid = [
    ...ys.map(
      (y) =>
        `<path class="grid" d="M${at(xs[0]!, y)}L${at(xs.at(-1)!, y)}"/><text x="${margin.left - 6}" y="${(up(y) + 4).toFixed(1)}" text-anchor="end">${shown(y)}</text>`,
    ),
    ...xs.map(
      (x) =>
        `<text x="${across(x).toFixed(1)}" y="${size.height - margin.bottom + 16}" text-anchor="middle">${shown(x)}</text>`,
    ),
  ]
  const lines = drawn.map(({ name, points }, i) => {
    const [x, y] = points.at(-1)!
    const colour = colours[i % colours.length]
    const path = `<path fill="none" stroke="${colour}" stroke-width="1.8" d="M${points.map((point) => at(...point)).join('L')}"/>`
    const label = apart(drawn, i, (value) => up(value))
    return `${path}<text x="${(across(x) + 6).toFixed(1)}" y="${label.toFixed(1)}" style="fill:${colour}">${name} ${shown(y)}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12">`,
    '<style>.grid{stroke:#ddd}text{fill:#444}</style><rect width="100%" height="100%" fill="white"/>',
    `<text x="${margin.left}" y="16" font-weight="bold">${title}</text>`,
    `<text x="${size.width / 2}" y="${size.height - 6}" text-anchor="middle">${xLabel}</text>`,
    ...grid,
    ...lines,
    '</svg>\n',
  ].join('\n')
}

/** Four to eight round numbers that enclose `values`. */
function ticks(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const rough = (high - low || Math.abs(high) || 1) / 5
  const unit = 10 ** Math.floor(Math.log10(rough))
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough)!
  const first = Math.floor(low / step)
  return Array.from({ length: Math.ceil(high / step) - first + 1 }, (_, i) => (first + i) * step)
}

function scaleOf(ticks: readonly number[], from: number, to: number): (value: number) => number {
  const [low, high] = [ticks[0]!, ticks.at(-1)!]
  return (value) => from + ((value - low) / (high - low || 1)) * (to - from)
}

/** Where the name of curve `i` stands: at its end, or below the names of those that end higher. */
function apart(curves: readonly Curve[], i: number, up: (value: number) => number): number {
  const ends = curves.map(({ points }, k) => ({ k, y: up(points.at(-1)![1]) })).sort((a, b) => a.y - b.y)
  let before = -Infinity
  for (const { k, y } of ends) {
    before = Math.max(y + 4, before + 14)
    if (k === i) return before
  }
  return before
}

const shown = (value: number) =>
  Math.abs(value) >= 1000 ? `${Number((value / 1000).toFixed(1))}k` : String(Number(value.toPrecision(3)))
