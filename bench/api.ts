/**
 * `npm run bench:api`: how fast the API and its queue are, in real workerd with D1, R2 and Durable Objects on this
 * machine. Prints JSON. `--seconds` for each round of load, `--rounds` of it; `--rows` in the long queue; `--only` a part.
 */
import { type Command, command } from '../gpu-runner/src/cli/command.ts'
import { backlogCosts } from './api/backlog.ts'
import { eventLatency } from './api/events.ts'
import { jobRates } from './api/jobs.ts'
import { queriesPerRequest } from './api/queries.ts'
import { requestRates } from './api/requests.ts'
import { type Bench, startBench } from './api/setup.ts'
import { busyCores, machineFigures } from './machine.ts'

const cli: Command = command(
  'bench:api',
  `usage: npm run bench:api -- [--seconds 3] [--rounds 3] [--rows 1000000] [--jobs 5000] [--samples 100]
         [--only requests|jobs|events|backlog|queries]`,
)
const { values } = cli.read({
  seconds: { type: 'string', default: '3' },
  rounds: { type: 'string', default: '3' },
  rows: { type: 'string', default: '1000000' },
  jobs: { type: 'string', default: '5000' },
  samples: { type: 'string', default: '100' },
  only: { type: 'string', multiple: true },
})
const parts = {
  /** Requests under load, 16 at a time. */
  requests: () =>
    on(1, (bench) =>
      requestRates(bench, cli.whole('seconds', values.seconds, 1), cli.whole('rounds', values.rounds, 1)),
    ),
  jobs: () => {
    const batched = cli.whole('jobs', values.jobs, 1)
    return on(1, (bench) => jobRates(bench, { single: Math.ceil(batched / 5), batched }))
  },
  /** Milliseconds from a runner's report to the event that an app sees. */
  events: () => on(1, (bench) => eventLatency(bench, cli.whole('samples', values.samples, 1))),
  /** One request at a time, beside a short and a long queue. */
  backlog: () =>
    on(8, (bench) =>
      backlogCosts(
        bench,
        [Math.min(1000, cli.whole('rows', values.rows, 1)), cli.whole('rows', values.rows, 1)],
        cli.whole('samples', values.samples, 1),
      ),
    ),
  queries: queriesPerRequest,
}
const results: Record<string, unknown> = {}
const busy = busyCores()
for (const [name, measure] of Object.entries(parts))
  if (values.only?.includes(name) ?? true) results[name] = await measure()
console.log(JSON.stringify({ ...machineFigures(), ...busy(), ...results }, null, 2))

/** A fresh edge with so many API keys, for one part. */
async function on<T>(keys: number, measure: (bench: Bench) => Promise<T>): Promise<T> {
  const bench = await startBench({ keys })
  try {
    return await measure(bench)
  } finally {
    await bench.dispose()
  }
}
