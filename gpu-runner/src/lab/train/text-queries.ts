/** Pretraining of encoders: what they say must answer which attributes a character has. */
import { softmax } from '../../engine/graph/activation.ts'
import { add, mul, sub } from '../../engine/graph/arithmetic.ts'
import { matmul } from '../../engine/graph/matmul.ts'
import { logSumExp, sum } from '../../engine/graph/reduce.ts'
import { reshape, transpose } from '../../engine/graph/shape.ts'
import { constant, input, known, type Value } from '../../engine/graph/value.ts'
import { type ClipTextConfig, clipText } from '../../engine/models/clip-text.ts'
import { linear } from '../../engine/nn/layers.ts'
import type { Weights } from '../../engine/nn/weights.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { attributeLabels } from '../storydb/labels.ts'
import type { Caption, Frame } from '../storydb/types.ts'
import { ATTRIBUTES, type Attribute, VOCABULARY } from '../storydb/vocabulary.ts'
import type { ParameterSet } from './parameters.ts'

const classes = Math.max(...ATTRIBUTES.map((name) => VOCABULARY[name].length))
const count = ATTRIBUTES.length

/** Cross-entropy of the attributes that captions state of the first character and the scene. */
export function queryLoss(config: ClipTextConfig, batch: number, tokens: number, parameters: ParameterSet) {
  const ids = input('ids', [batch, tokens], 'int64')
  const { last } = clipText(ids, parameters.weights('text_encoder.'), config)
  return answerLoss(last, parameters.weights('queries.'), config.width)
}

/** Cross-entropy of all stated attributes, read from hidden[B,T,D]. */
export function answerLoss(hidden: Value, w: Weights, width: number) {
  const logits = answers(hidden, w, width)
  const target = input('target', logits.shape)
  const stated = input('stated', [logits.shape[0]!, count, 1])
  const right = sum(mul(logits, target), [2])
  const nats = mul(sub(logSumExp(logits), right), stated)
  return { loss: mul(sum(nats), input('inverse', [1, 1, 1])), logits }
}

/** hidden[B,T,D] → logits[B,A,C]: each attribute has a query that looks for its words. */
function answers(hidden: Value, w: Weights, width: number): Value {
  const batch = known(hidden.shape[0], 'answers: batch')
  const keys = linear(hidden, w.at('keys'), width)
  const queries = w.get('queries', [count, width], 'fan-in')
  const scores = softmax(transpose(matmul(keys, queries, { transB: true }), [0, 2, 1]))
  const found = transpose(matmul(scores, hidden), [1, 0, 2])
  const logits = matmul(found, w.get('classes', [count, width, classes], 'embedding'))
  const absent = Float32Array.from({ length: count * classes }, (_, i) =>
    i % classes < VOCABULARY[ATTRIBUTES[Math.floor(i / classes)]!].length ? 0 : -1e4,
  )
  return add(reshape(transpose(logits, [1, 0, 2]), [batch, count, classes]), constant(absent, [1, count, classes]))
}

/** Targets of a batch of captions. */
export function queryTargets(items: readonly { frame: Frame; caption: Caption }[]): Record<string, HostTensor> {
  return answerTargets(items.map(({ frame, caption }) => ({ frame, character: 0, stated: caption.mentions[0]! })))
}

/** Targets of a batch: which attributes of which character of a frame are to be predicted. */
export function answerTargets(
  items: readonly { frame: Frame; character: number; stated: readonly Attribute[] }[],
): Record<string, HostTensor> {
  const target = new Float32Array(items.length * count * classes)
  const stated = new Float32Array(items.length * count)
  for (const [i, item] of items.entries()) {
    const labels = attributeLabels(item.frame, item.character)
    for (const [a, name] of ATTRIBUTES.entries()) {
      target[(i * count + a) * classes + labels[name]] = 1
      stated[i * count + a] = Number(item.stated.includes(name))
    }
  }
  const total = stated.reduce((a, b) => a + b, 0)
  return {
    target: { data: target, shape: [items.length, count, classes] },
    stated: { data: stated, shape: [items.length, count, 1] },
    inverse: { data: Float32Array.of(1 / Math.max(1, total)), shape: [1, 1, 1] },
  }
}

/** Share of stated attributes whose likeliest class is the right one. */
export function accuracy(logits: Float32Array, { target, stated }: Readonly<Record<string, HostTensor>>): number {
  let [right, all] = [0, 0]
  for (const [row, counts] of (stated!.data as Float32Array).entries()) {
    if (!counts) continue
    const own = logits.subarray(row * classes, (row + 1) * classes)
    const best = own.reduce((at, value, i) => (value > own[at]! ? i : at), 0)
    right += Number((target!.data as Float32Array)[row * classes + best]! === 1)
    all++
  }
  return right / Math.max(1, all)
}
