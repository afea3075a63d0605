/**
 * What LoRA and its relatives add to a weight, from their factors. LoRA: Hu et al., arXiv:2106.09685. LoHa and LoKr:
 * products of Hadamard and of Kronecker, arXiv:2108.06098 and LyCORIS, arXiv:2309.14859. GLoRA: arXiv:2306.07967. DoRA:
 * arXiv:2402.09353. A third factor of convolutions is CP decomposition, as LyCORIS has it.
 *
 * Weights are read as matrices [O,I·k·k], O rows for what goes out. All of it is computed where a layer reads its weight, so
 * that nothing is stored beside the files.
 */
import { add, div, mul, offset, scale, sqrt, square, sub } from '../graph/arithmetic.ts'
import { matmul, swapLast } from '../graph/matmul.ts'
import { sum } from '../graph/reduce.ts'
import { reshape, transpose } from '../graph/shape.ts'
import type { Value } from '../graph/value.ts'

export const factorRoles = [
  ...(['down', 'up', 'mid'] as const),
  ...(['hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b', 'hada_t1', 'hada_t2'] as const),
  ...(['lokr_w1', 'lokr_w1_a', 'lokr_w1_b', 'lokr_w2', 'lokr_w2_a', 'lokr_w2_b', 'lokr_t2'] as const),
  ...(['a1', 'a2', 'b1', 'b2', 'diff', 'magnitude'] as const),
]
export type FactorRole = (typeof factorRoles)[number]

export type LoraKind = 'lora' | 'loha' | 'lokr' | 'glora' | 'diff'

type Roles = ReadonlySet<string>
type Shape = readonly number[]
/** Shapes by role. */
export type FactorShapes = Readonly<Partial<Record<FactorRole, Shape>>>
/** Factors by role; undefined for one that the layer has not. */
export type Factors = (role: FactorRole) => Value | undefined

/** The kind of a layer with factors of these roles; null where some are missing. */
export function kindOf(roles: Roles): LoraKind | null {
  const all = (...wanted: FactorRole[]) => wanted.every((role) => roles.has(role))
  if (all('hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b')) return 'loha'
  const [left, right] = [1, 2].map(
    (n) => roles.has(`lokr_w${n}`) || (roles.has(`lokr_w${n}_a`) && roles.has(`lokr_w${n}_b`)),
  )
  if (left && right) return 'lokr'
  if (all('a1', 'a2', 'b1', 'b2')) return 'glora'
  if (all('down', 'up')) return 'lora'
  return all('diff') ? 'diff' : null
}

/** What alpha is divided by; 1 where the kind knows no rank, and then alpha counts for nothing. */
export function rankOf(kind: LoraKind, shapes: FactorShapes): number | null {
  switch (kind) {
    case 'lora':
      return shapes.down![0]!
    case 'loha':
      return shapes.hada_w1_b![0]!
    case 'lokr':
      return shapes.lokr_w2_b?.[0] ?? shapes.lokr_w1_b?.[0] ?? null
    case 'glora':
      return isOldGlora(shapes) ? shapes.a1![0]! : shapes.a2![0]!
    case 'diff':
      return null
  }
}

const product = (shape: Shape) => shape.reduce((a, b) => a * b, 1)
/** As a matrix: all but the first axis in one. */
const flat = (shape: Shape): [number, number] => [shape[0] ?? 1, product(shape.slice(1))]

/** Why these factors do not make a weight of the shape `target`, in words; null where they do. */
export function shapeProblem(kind: LoraKind, shapes: FactorShapes, target: Shape): string | null {
  const made = madeShape(kind, shapes, target)
  const [rows, columns] = flat(target)
  const { magnitude } = shapes
  if (magnitude && product(magnitude) !== rows && product(magnitude) !== target[1])
    return `a magnitude [${magnitude}] does not fit [${target}]`
  if (made && made[0] === rows && made[1] === columns) return null
  const ordered = kind === 'lora' ? [shapes.up, shapes.mid, shapes.down] : Object.values(shapes)
  const given = ordered.filter((shape) => shape !== undefined).map((shape) => `[${shape}]`)
  return `${given.join(' · ')} does not make`
}

function madeShape(kind: LoraKind, s: FactorShapes, target: Shape): [number, number] | null {
  const chain = (left: Shape, right: Shape): [number, number] | null => {
    const [[rows, inner], [other, columns]] = [flat(left), flat(right)]
    return inner === other ? [rows, columns] : null
  }
  /** Σ core[i,j,k,k] · left[i,O] · right[j,I]. */
  const cp = (core: Shape, left: Shape, right: Shape): [number, number] | null =>
    core.length === 4 && core[0] === left[0] && core[1] === right[0]
      ? [flat(left)[1], flat(right)[1] * core[2]! * core[3]!]
      : null
  switch (kind) {
    case 'lora': {
      // A kernel has to lie in the second factor as it does in the weight.
      if (!s.mid) return String(kernelOf(s.down!)) === String(kernelOf(target)) ? chain(s.up!, s.down!) : null
      const [rows, inner] = flat(s.up!)
      return cp(s.mid, [inner, rows], s.down!)
    }
    case 'loha': {
      const one = s.hada_t1 ? cp(s.hada_t1, s.hada_w1_a!, s.hada_w1_b!) : chain(s.hada_w1_a!, s.hada_w1_b!)
      const two = s.hada_t2 ? cp(s.hada_t2, s.hada_w2_a!, s.hada_w2_b!) : chain(s.hada_w2_a!, s.hada_w2_b!)
      return String(one) === String(two) ? one : null
    }
    case 'lokr': {
      const one = s.lokr_w1 ? flat(s.lokr_w1) : chain(s.lokr_w1_a!, s.lokr_w1_b!)
      const whole = s.lokr_w2 ? flat(s.lokr_w2) : chain(s.lokr_w2_a!, s.lokr_w2_b!)
      const two = !s.lokr_w2 && s.lokr_t2 ? cp(s.lokr_t2, s.lokr_w2_a!, s.lokr_w2_b!) : whole
      return one && two ? [one[0] * two[0], one[1] * two[1]] : null
    }
    case 'glora': {
      const [rows, inputs] = [target[0]!, target[1] ?? 1]
      const old = isOldGlora(s)
      const [[a, b], [c, d]] = old
        ? [
            [s.a2!, s.a1!],
            [s.b2!, s.b1!],
          ]
        : [
            [s.a1!, s.a2!],
            [s.b1!, s.b2!],
          ]
      const [around, added] = [chain(a, b), chain(c, d)]
      const columns = old ? flat(target)[1] : inputs
      return around && added && around[0] === columns && around[1] === columns && added[0] === rows ? added : null
    }
    case 'diff':
      return flat(s.diff!)
  }
}

/** What lies behind the second axis, kernels of 1×1 aside. */
const kernelOf = (shape: Shape) => (shape.slice(2).every((side) => side === 1) ? [] : shape.slice(2))

/** The first files of GLoRA had their factors the other way round (as ComfyUI tells them apart). */
function isOldGlora({ a1, a2, b1, b2 }: FactorShapes): boolean {
  const old = b2![1] === b1![0] && b1![0] === a1![0] && a1![0] === a2![1]
  const modern = b2![0] === b1![1] && b1![1] === a1![1] && a1![1] === a2![0]
  return old && !modern
}

/** weight[O,I,…] with `factor` times what the factors make of it; with a magnitude, decomposed as DoRA has it. */
export function changedWeight(
  weight: Value,
  kind: LoraKind,
  factors: Factors,
  { factor, strength }: { factor: number; strength: number },
): Value {
  const target = weight.shape as Shape
  const matrix = reshape(weight, flat(target))
  const change = scale(madeOf(kind, factors, weight), factor)
  const magnitude = factors('magnitude')
  const changed = magnitude ? decomposed(add(matrix, change), magnitude, target) : add(matrix, change)
  // The strength of the whole change: with a magnitude it is no mere factor.
  return reshape(strength === 1 ? changed : add(matrix, scale(sub(changed, matrix), strength)), target)
}

/** m · (W + ΔW) / ‖W + ΔW‖, the norm over what goes in, or over what goes out where the magnitude is of that length. */
function decomposed(matrix: Value, magnitude: Value, target: Shape): Value {
  const [rows, columns] = flat(target)
  const inputs = target[1] ?? 1
  const length = product(magnitude.shape as Shape)
  // A vector for each row is [O,1,…]; one for each input [1,I,…].
  const byRow = length === rows && !(rows === inputs && magnitude.shape.length > 1 && magnitude.shape[0] === 1)
  const epsilon = 2 ** -23
  if (byRow) {
    const norm = offset(sqrt(sum(square(matrix), [1])), epsilon)
    return mul(matrix, div(reshape(magnitude, [rows, 1]), reshape(norm, [rows, 1])))
  }
  const cells = reshape(matrix, [rows, inputs, columns / inputs])
  const norm = offset(sqrt(sum(square(cells), [0, 2])), epsilon)
  const factor = div(reshape(magnitude, [1, inputs, 1]), reshape(norm, [1, inputs, 1]))
  return reshape(mul(cells, factor), [rows, columns])
}

/** ΔW as a matrix [O,I·k·k], before alpha. */
function madeOf(kind: LoraKind, factors: Factors, weight: Value): Value {
  const get = (role: FactorRole) => factors(role)!
  const matrix = (role: FactorRole) => asMatrix(get(role))
  switch (kind) {
    case 'lora': {
      const mid = factors('mid')
      return mid ? cp(mid, swapLast(matrix('up')), matrix('down')) : matmul(matrix('up'), matrix('down'))
    }
    case 'loha':
      return mul(
        half(factors('hada_t1'), matrix('hada_w1_a'), matrix('hada_w1_b')),
        half(factors('hada_t2'), matrix('hada_w2_a'), matrix('hada_w2_b')),
      )
    case 'lokr': {
      const one = factors('lokr_w1') ?? matmul(matrix('lokr_w1_a'), matrix('lokr_w1_b'))
      const two = factors('lokr_w2') ?? half(factors('lokr_t2'), matrix('lokr_w2_a'), matrix('lokr_w2_b'))
      return kronecker(asMatrix(one), asMatrix(two), weight.shape as Shape)
    }
    case 'glora': {
      const shapes = Object.fromEntries((['a1', 'a2', 'b1', 'b2'] as const).map((role) => [role, get(role).shape]))
      const old = isOldGlora(shapes as FactorShapes)
      const [a, b] = old ? [matrix('a2'), matrix('a1')] : [matrix('a1'), matrix('a2')]
      const added = old ? matmul(matrix('b2'), matrix('b1')) : matmul(matrix('b1'), matrix('b2'))
      const shape = weight.shape as Shape
      const [rows, columns] = flat(shape)
      if (old || shape.length === 2) return add(matmul(matmul(reshape(weight, [rows, columns]), a), b), added)
      // The factors act on the inputs, at each place of the kernel.
      const cells = transpose(reshape(weight, [rows, shape[1]!, columns / shape[1]!]), [0, 2, 1])
      return add(reshape(transpose(matmul(matmul(cells, a), b), [0, 2, 1]), [rows, columns]), added)
    }
    case 'diff':
      return matrix('diff')
  }
}

const asMatrix = (x: Value): Value => (x.shape.length === 2 ? x : reshape(x, flat(x.shape as Shape)))

const half = (core: Value | undefined, left: Value, right: Value): Value =>
  core ? cp(core, left, right) : matmul(left, right)

/** Σ core[i,j,k,k] · left[i,O] · right[j,I] → [O,I·k·k]. */
function cp(core: Value, left: Value, right: Value): Value {
  const [i, j, k, l] = core.shape as [number, number, number, number]
  const [rows, inputs] = [left.shape[1] as number, right.shape[1] as number]
  const cells = transpose(reshape(core, [i, j, k * l]), [2, 0, 1])
  const made = matmul(swapLast(left), matmul(cells, right))
  return reshape(transpose(made, [1, 2, 0]), [rows, inputs * k * l])
}

/** The Kronecker product of one[a,b] and two[c,d·k·k] as [a·c,b·d·k·k], for a weight of the shape `target`. */
function kronecker(one: Value, two: Value, target: Shape): Value {
  const [[a, b], [c]] = [one.shape, two.shape] as [Shape, Shape] as [[number, number], [number]]
  const kernel = product(target.slice(2))
  const d = (two.shape[1] as number) / kernel
  const outer = mul(reshape(one, [a, 1, b, 1, 1]), reshape(two, [1, c, 1, d, kernel]))
  return reshape(outer, [a * c, b * d * kernel])
}
