/**
 * Records `test/golden/replicate/predictions.json` from the npm package `all-the-public-replicate-models`, which is too
 * large (70 MB) to be a dependency: `node test/replicate-sample.ts <folder of the package>`.
 *
 * A few predictions of every kind there is: kind is the status, which fields are null, the types of the others, and the
 * names of the metrics.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const PER_KIND = 4
const MAX_ITEMS = 4

type Recorded = Record<string, unknown> & { webhook: string | null; metrics: object }

const [folder] = process.argv.slice(2)
if (!folder) throw new Error('usage: node test/replicate-sample.ts <folder of all-the-public-replicate-models>')
const models: { default_example: Recorded | null }[] = JSON.parse(readFileSync(join(folder, 'models.json'), 'utf8'))
const predictions = models.flatMap(({ default_example }) => default_example ?? [])
const kinds = Map.groupBy(predictions, kindOf)
const sample = [...kinds.values()].flatMap((same) => same.slice(0, PER_KIND).map(shorten))
writeFileSync(
  join(import.meta.dirname, 'golden/replicate/predictions.json'),
  `[\n${sample.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`,
)
console.log(`${sample.length} of ${predictions.length} predictions, of ${kinds.size} kinds`)

function kindOf(prediction: Recorded): string {
  const types = Object.entries(prediction).map(([name, value]) => `${name}:${typeOf(value)}`)
  return [prediction.status, ...types.toSorted(), ...Object.keys(prediction.metrics).toSorted()].join()
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

/** The form without the content, which is not ours: every text of input, output and error reads `text`. */
function shorten(prediction: Recorded): Recorded {
  const { input, output, error } = prediction
  const webhook = prediction.webhook && 'https://app.example/webhook'
  return { ...prediction, webhook, ...blank({ input, output, error }) }
}

function blank<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value), (_name, part) => {
    if (Array.isArray(part)) return part.slice(0, MAX_ITEMS)
    return typeof part === 'string' ? 'text' : part
  })
}
