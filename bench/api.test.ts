import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { z } from 'zod'

const Latency = z.object({ p50Ms: z.number().positive(), p99Ms: z.number().positive(), samples: z.int().positive() })
const Throughput = z.object({
  requestsPerSecond: z.number().positive(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  requests: z.int().positive(),
})
const Jobs = z.object({ jobsPerSecond: z.number().positive(), claimed: z.int(), completed: z.int() })
const Use = z.object({ trips: z.int(), statements: z.int(), rowsRead: z.int(), rowsWritten: z.int() })
const Report = z.object({
  requests: z.object({
    bareInsert: Throughput,
    postStory: Throughput,
    postOfBare: z.number().positive(),
    getStory: Throughput,
    stories: z.object({ answered: z.int(), stored: z.int() }),
    connections: z.int(),
  }),
  jobs: z.object({ single: Jobs, batched: Jobs }),
  events: Latency,
  backlog: z.object({
    points: z.array(
      z.object({ queued: z.int(), claim: Latency, healthz: Latency, metrics: Latency, getStory: Latency }),
    ),
    ratioOfMedians: z.record(z.string(), z.number()),
  }),
  queries: z.record(z.string(), Use),
})

test('the benchmark of the API reports every part, and its counts agree', async () => {
  const small = ['--seconds', '1', '--rounds', '1', '--rows', '1010', '--jobs', '50', '--samples', '3']
  const script = join(import.meta.dirname, 'api.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...small])
  const { requests, jobs, events, backlog, queries } = Report.parse(JSON.parse(stdout))
  const { answered, stored } = requests.stories
  // Of each of the two rounds, what was under way at its end may be there too.
  assert.ok(answered <= stored && stored <= answered + 2 * requests.connections, `${answered} of ${stored}`)
  assert.deepEqual([jobs.single.claimed, jobs.single.completed], [10, 10])
  assert.deepEqual([jobs.batched.claimed, jobs.batched.completed], [50, 50])
  assert.equal(events.samples, 3)
  assert.deepEqual(
    backlog.points.map(({ queued }) => queued),
    [1000, 1010],
  )
  assert.deepEqual(queries['POST /stories'], { ...queries['POST /stories'], trips: 1, statements: 1 })
  for (const [route, { trips, statements }] of Object.entries(queries))
    assert.ok(trips >= 1 && statements >= trips, route)
})
