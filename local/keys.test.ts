import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Key } from '../contract/key.ts'
import { testEdge } from '../test/worker.ts'

const edge = await testEdge()
const script = fileURLToPath(new URL('keys.ts', import.meta.url))

function keys(args: string[], apiKey = edge.key) {
  const env = { ...process.env, FABLEFRAME_EDGE_URL: edge.url, FABLEFRAME_API_KEY: apiKey }
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [script, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr })
    })
  })
}
const keyIn = (text: string) => /ff_live_[a-z2-7]{39}/.exec(text)?.[0] ?? ''
const reads = async (key: string) => (await edge.app('GET', '/stories', undefined, key)).status

test('keys are made, listed, changed, rotated and revoked from the command line', async () => {
  const made = await keys(['create', '--name', 'shop', '--scopes', 'stories:read', '--retention', 'ever'])
  const id = /key_[a-z2-7]+/.exec(made.stdout)![0]
  assert.equal(await reads(keyIn(made.stdout)), 200)
  const updated = await keys(['update', id, '--weight', '2.5', '--max-running', '3', '--creates-per-minute', '9'])
  assert.match(
    updated.stdout,
    /\nweight 2\.5, max-running 3, max-queued 10000, creates-per-minute 9, max-stored-bytes 10000000000 \(0 taken\), origins none\n$/,
  )
  const back = await keys([
    'update',
    id,
    '--max-queued',
    '7',
    '--creates-per-minute',
    'default',
    '--max-stored-bytes',
    '1e6',
    '--origins',
    'https://a.example,http://localhost:5173',
  ])
  assert.match(
    back.stdout,
    /max-queued 7, creates-per-minute default, max-stored-bytes 1000000 \(0 taken\), origins .*\n$/,
  )
  assert.match(back.stdout, /, origins https:\/\/a\.example,http:\/\/localhost:5173\n$/)
  assert.match((await keys(['update', id, '--origins', 'none'])).stdout, /origins none\n$/)
  const rotated = await keys(['rotate', id, '--overlap', '0'])
  assert.deepEqual([await reads(keyIn(made.stdout)), await reads(keyIn(rotated.stdout))], [401, 200])
  assert.match((await keys(['list'])).stdout, new RegExp(`${id}  ff_live_....…  shop  stories:read  in force`))
  assert.match((await keys(['revoke', id])).stdout, /revoked 20/)
  assert.equal(await reads(keyIn(rotated.stdout)), 401)
})

test('the first admin key is made by SQL', async () => {
  const made = await keys(['create', '--name', "o'ps", '--scopes', 'admin', '--max-stored-bytes', '3', '--sql'], '')
  assert.equal(made.code, 0, made.stderr)
  await edge.bindings.DB.prepare(made.stdout).run()
  assert.match((await keys(['list'], keyIn(made.stderr))).stdout, /o'ps {2}admin/)
  const { results } = (await edge.app<{ results: Key[] }>('GET', '/keys', undefined, edge.key)).body
  assert.equal(results.find(({ name }) => name === "o'ps")?.max_stored_bytes, 3)
})

test('a command that is missing, misspelt or without its key is answered with exit code 2', async () => {
  for (const [args, reason] of [
    [[], /^keys: a command is missing: create, list, update, rotate, revoke or revoke-links\nnpm run keys -- create/],
    [['craete'], /^keys: there is no command 'craete'; is create meant\?\n/],
    [['revoke'], /^keys: revoke needs the id of a key, which list shows\n/],
  ] as const) {
    const { code, stderr } = await keys([...args])
    assert.equal(code, 2)
    assert.match(stderr, reason)
  }
})

test('what is wrong is said, with exit code 1', async () => {
  for (const [args, reason] of [
    [['create'], /name: .*\n.*npm run keys -- create/],
    [['create', '--name', 'x', '--scopes', 'all'], /scopes\/0/],
    [['create', '--name', 'x', '--expires', 'never'], /not a date/],
    [['revoke', 'key_none'], /404 Not found/],
    [['update', `key_${'a'.repeat(16)}`, '--weight', '2'], /404 Not found/],
    [['update', 'key_x', '--weight', '0'], /weight: 0\.01 to 1000/],
    [['update', 'key_x', '--max-stored-bytes', '10 GB'], /max_stored_bytes: /],
    [['update', 'key_x', '--origins', 'a.example'], /origins\/0: an origin such as/],
    [['update', 'key_x'], /must change something/],
    [['update', 'key_x', '--name', 'y', '--weight', '2'], /name/],
  ] as const) {
    const { code, stderr } = await keys([...args])
    assert.equal(code, 1)
    assert.match(stderr, reason)
  }
  assert.match((await keys(['list'], 'ff_live_wrong')).stderr, /401/)
})
