/**
 * `npm run chaos -- --minutes 2 --runners 8 --seed 1`: runners that die, freeze, repeat and mix up what they say, against
 * the real edge, which is killed in between; then the whole history is checked. With `--faults`, D1 and R2 fail now and
 * then. Exits 1 when anything was violated.
 */
import { type Command, command } from '../gpu-runner/src/cli/command.ts'
import { describe, violationsOf } from './chaos/check.ts'
import { runChaos } from './chaos/run.ts'

const cli: Command = command('chaos', 'usage: npm run chaos -- [--minutes 2] [--runners 8] [--seed 1] [--faults]')
const { values } = cli.read({
  minutes: { type: 'string', default: '2' },
  runners: { type: 'string', default: '8' },
  seed: { type: 'string', default: '1' },
  faults: { type: 'boolean', default: false },
})
const minutes = positive('minutes', values.minutes)
const runners = positive('runners', values.runners)
const seed = positive('seed', values.seed)

const history = await runChaos({
  seconds: minutes * 60,
  runners,
  seed,
  leaseSeconds: 2,
  burst: 20,
  faults: values.faults,
  restarts: Math.max(1, Math.round(minutes * 5)),
  log: (line) => console.error(line),
})
const violations = violationsOf(history)
const webhooks = new Set(history.received.map(({ id }) => id)).size
console.log(`Ended as: ${describe(history.stories)}; ${history.transitions.length} changes, ${webhooks} webhooks.`)
for (const { rule, evidence } of violations) console.log(`Violated: ${rule}. ${evidence}`)
console.log(`${history.accepted.length} stories, ${violations.length} violations`)
process.exitCode = violations.length > 0 ? 1 : 0

function positive(name: string, text: string): number {
  const number = Number(text)
  return number > 0 ? number : cli.fail(`--${name} must be a number above 0, not '${text}'`)
}
