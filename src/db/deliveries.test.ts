import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eq } from 'drizzle-orm'
import { testD1 } from '../../test/d1.ts'
import { endpointOf, keepBody, settleDelivery, takeDueDeliveries } from './deliveries.ts'
import { deliveries } from './schema.ts'
import { cancel } from './stories.ts'

const { db, apiKeyId, queued } = await testD1()
const webhook = 'https://app.example/hook'
const refused = { delivered: false, status: 500, error: 'answered no 2xx' }
const read = async (id: string) => (await db.select().from(deliveries).where(eq(deliveries.id, id)))[0]!

async function owedOne(now: number) {
  const { id } = await queued(now, { webhook })
  await cancel(db, id, apiKeyId, now)
  return { id, message: `msg_${id}_completed` }
}

test('nothing is owed without a webhook, or for an event that was not asked for', async () => {
  const silent = await queued(0)
  const picky = await queued(0, { webhook, webhook_events_filter: ['frame', 'start'] })
  for (const { id } of [silent, picky]) await cancel(db, id, apiKeyId, 1)
  assert.deepEqual(await db.select().from(deliveries), [])
})

test('senders share out what is due, each message to one of them', async () => {
  const owed = await Promise.all(Array.from({ length: 9 }, () => owedOne(10)))
  const taken = (await Promise.all(Array.from({ length: 4 }, () => takeDueDeliveries(db, 10, 100, 4)))).flat()
  assert.deepEqual(taken.map((row) => row.id).toSorted(), owed.map(({ message }) => message).toSorted())
  for (const row of taken) await settleDelivery(db, row, { delivered: true, status: 204, error: null }, 11)
  assert.deepEqual(await takeDueDeliveries(db, 10_000, 100, 9), [])
})

test('a sender that dies is followed by another, and cannot undo what that one achieved', async () => {
  const { message } = await owedOne(20)
  const [first] = await takeDueDeliveries(db, 20, 100, 1)
  assert.deepEqual(await takeDueDeliveries(db, 119, 100, 1), [])
  const [second] = await takeDueDeliveries(db, 120, 100, 1)
  assert.deepEqual([first?.attempts, second?.attempts, second?.id], [1, 2, message])
  await settleDelivery(db, second!, { delivered: true, status: 200, error: null }, 121)
  await settleDelivery(db, first!, refused, 122)
  assert.deepEqual([(await read(message)).deliveredAt, (await read(message)).nextAttemptAt], [121, null])
})

test('a refused message is tried again after growing pauses, and given up in the end', async () => {
  const { message } = await owedOne(0)
  const pauses: (number | null)[] = []
  for (let now = 0; ; ) {
    const [row] = await takeDueDeliveries(db, now, 100, 1)
    assert.equal(row?.id, message)
    await settleDelivery(db, row!, refused, now)
    const { nextAttemptAt } = await read(message)
    pauses.push(nextAttemptAt === null ? null : nextAttemptAt - now)
    if (nextAttemptAt === null) break
    now = nextAttemptAt
  }
  assert.deepEqual(pauses, [5_000, 30_000, 120_000, 300_000, 900_000, null])
  const { attempts, lastStatus, lastError, deliveredAt } = await read(message)
  assert.deepEqual([attempts, lastStatus, lastError, deliveredAt], [6, 500, 'answered no 2xx', null])
})

test('a message keeps its body, and knows where it goes', async () => {
  const { id, message } = await owedOne(0)
  await keepBody(db, message, '{}')
  assert.equal((await read(message)).body, '{}')
  const endpoint = await endpointOf(db, id)
  assert.equal(endpoint?.url, webhook)
  assert.match(endpoint?.secret ?? '', /^whsec_/)
  assert.equal(await endpointOf(db, 'none'), undefined)
})
