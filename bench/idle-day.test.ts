/** What waiting costs. Two hours in virtual time stand for a day; `npm run bench:idle` counts all of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idleDay } from './idle-day.ts'

const HOURS = 2
const A_DAY = 24 / HOURS

test('a day without stories and runners: no request, and D1 is asked once an hour at most', async () => {
  const { requests, queries } = await idleDay(0, HOURS)
  assert.deepEqual([requests, queries <= HOURS], [0, true], `${requests} requests, ${queries} queries`)
})

test('a day of one waiting runner: fewer than 3,000 requests and 1,500 queries', async () => {
  const { requests, queries, cron } = await idleDay(1, HOURS)
  const counted = `${requests} requests, ${queries} queries in ${HOURS} h`
  assert.ok(requests * A_DAY < 3000 && (requests + cron) * A_DAY < 3000, counted)
  assert.ok(queries * A_DAY < 1500, counted)
  assert.ok(requests > HOURS * 30, `it still asks: ${counted}`)
})
