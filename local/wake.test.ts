/** `npm start -- --wake`, as a user runs it: no runner before a story, one while there is one, none after it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { gone, isOver, line, post, setUp, until } from '../test/commands.ts'

test('no runner before a story, one while there is one, none after it, and the next story starts another', async (t) => {
  const { run } = await setUp(t)
  const env = { PORT: '0', FABLEFRAME_IDLE_EXIT: '1', METRICS_TOKEN: 'a-token-of-metrics' }
  const start = run('start.ts', env, ['--wake'])
  const url = await line(start.stdout!, /listens on (http:\S+)/)
  const key = await line(start.stdout!, /API key: (ff_live_\w+)/)
  const demand = async () => {
    const headers = { authorization: 'Bearer a-token-of-metrics' }
    return (await (await fetch(`${url}/demand`, { headers })).json()) as Record<string, unknown>
  }
  assert.deepEqual(await runnersOf(start.pid!), [])
  const { queued, runners, wanted, starting } = await demand()
  assert.deepEqual({ queued, runners, wanted, starting }, { queued: 0, runners: 0, wanted: 0, starting: false })

  const { id } = await post(url, key)
  const first = Number(await line(start.stderr!, /"runner.ready","pid":(\d+)/))
  assert.deepEqual(await runnersOf(start.pid!), [first])
  const story = await until(url, key, id, isOver)
  assert.equal(story.status, 'succeeded')
  await line(start.stderr!, /(runner ended \(exit code 0\); the next story starts another)/)
  await gone(first)
  assert.deepEqual(await runnersOf(start.pid!), [])
  assert.equal((await demand()).runners, 0)

  const again = await post(url, key)
  await line(start.stderr!, new RegExp(`"runner.ready","pid":(?!${first},)(\\d+)`))
  assert.equal((await until(url, key, again.id, isOver)).status, 'succeeded')
  start.kill('SIGTERM')
  assert.deepEqual(await once(start, 'exit'), [0, null])
})

test('stopped while a story is under way, it releases the story and leaves no runner behind', async (t) => {
  const { run } = await setUp(t, { stepMs: 400, steps: 1 })
  const start = run('start.ts', { PORT: '0' }, ['--wake'])
  const url = await line(start.stdout!, /listens on (http:\S+)/)
  const key = await line(start.stdout!, /API key: (ff_live_\w+)/)
  await post(url, key)
  const runner = Number(await line(start.stderr!, /"runner.ready","pid":(\d+)/))
  await line(start.stderr!, /(story.claimed)/)
  start.kill('SIGTERM')
  await line(start.stderr!, /(story.released)/)
  assert.deepEqual(await once(start, 'exit'), [0, null])
  await gone(runner)
})

/** Runner processes among the children of `pid`; only Linux says. */
async function runnersOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  const commands = children
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(async (child) => ({
      child: Number(child),
      line: await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => ''),
    }))
  return (await Promise.all(commands))
    .filter(({ line }) => line.includes('gpu-runner/src/main.ts'))
    .map(({ child }) => child)
}
