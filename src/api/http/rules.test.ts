/** The rules that need no server: how keys are spelt, where webhooks may go, what is a PNG, what settings must hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomBytes } from '../../../test/d1.ts'
import { plainPng } from '../../../test/png.ts'
import { apiKeyRow, newApiKey } from '../../db/keys/new-key.ts'
import { isWellFormed } from '../../platform/api-key.ts'
import { type Bindings, readSettings } from '../../platform/env.ts'
import { base32, newStoryId } from '../../platform/ids.ts'
import { refuseUrl } from '../../platform/url-guard.ts'
import { inspectPng } from '../runner/png.ts'

const tools = { now: () => 0, randomBytes }

test('base32 as in RFC 4648, in lower case', () => {
  const text = (words: string) => base32(new TextEncoder().encode(words))
  assert.deepEqual(['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'].map(text), [
    '',
    'my',
    'mzxq',
    'mzxw6',
    'mzxw6yq',
    'mzxw6ytb',
    'mzxw6ytboi',
  ])
  assert.match(newStoryId(randomBytes), /^[a-z2-7]{26}$/)
})

test('a key that is mistyped in one place is noticed', async () => {
  const { key, row } = await newApiKey('app', tools)
  assert.ok(isWellFormed(key))
  for (let i = 0; i < key.length; i++) {
    const typo = `${key.slice(0, i)}${key[i] === 'b' ? 'c' : 'b'}${key.slice(i + 1)}`
    assert.equal(isWellFormed(typo), false, typo)
  }
  assert.equal((await apiKeyRow(key, 'app', tools)).hash, row.hash)
  await assert.rejects(apiKeyRow('secret', 'app', tools), /not an API key: secret… \(6 characters\)/)
})

test('webhooks go to public hosts by https, in whatever way an address is spelt', () => {
  for (const url of ['https://app.example/hook', 'https://app.example:8443/', 'https://10.example.com/'])
    assert.equal(refuseUrl(url, false), undefined, url)
  const hosts = [
    '127.0.0.1',
    '0x7f.1',
    '2130706433',
    '10.0.0.1',
    '169.254.169.254',
    '[::1]',
    '[::ffff:10.0.0.1]',
    '8.8.8.8',
  ]
  const names = ['localhost', 'localhost.', 'db', 'db.internal', 'printer.local', 'x.localhost', 'router.home.arpa']
  names.push('localhost..', 'a..b.example', 'api.default.svc', 'x.localdomain', 'db.private', 'x.onion', 'x.alt')
  for (const host of [...hosts, ...names]) assert.match(refuseUrl(`https://${host}/`, false) ?? '', /must name/, host)
  assert.match(refuseUrl('http://app.example/', false) ?? '', /https/)
  assert.match(refuseUrl('https://app.example:22/', false) ?? '', /port/)
  assert.match(refuseUrl('https://me@app.example/', true) ?? '', /user name/)
  assert.equal(refuseUrl('http://127.0.0.1:9000/hook', true), undefined)
})

test('a PNG has a header, all of its chunks, and nothing after them', async () => {
  const png = new Uint8Array(await plainPng(1, 40, 24))
  assert.deepEqual(inspectPng(png), { width: 40, height: 24 })
  for (let length = 0; length < png.length; length++)
    assert.ok('wrong' in inspectPng(png.subarray(0, length)), `cut at ${length}`)
  assert.ok('wrong' in inspectPng(Uint8Array.of(...png, 0)))
  const resized = (width: number) => {
    const copy = png.slice()
    new DataView(copy.buffer).setUint32(16, width)
    return inspectPng(copy)
  }
  assert.deepEqual(resized(0), { wrong: 'is 0x24 pixels; 1 to 8192 a side' })
  assert.deepEqual(resized(2 ** 32 - 1), { wrong: 'is 4294967295x24 pixels; 1 to 8192 a side' })
  const endless = png.slice()
  new DataView(endless.buffer).setUint32(33, 2 ** 32 - 1)
  assert.ok('wrong' in inspectPng(endless))
})

test('settings that are missing or misspelt are named', () => {
  const secrets = {
    RUNNER_TOKEN: 'x'.repeat(16),
    RUNNER_WEBHOOK_SECRET: `whsec_${btoa('x'.repeat(24))}`,
    URL_SECRET: 'x'.repeat(32),
  }
  const settings = (env: object) => readSettings({ ...secrets, ...env } as Bindings)
  assert.deepEqual([settings({}).MODELS, settings({}).LEASE_SECONDS], [['story-mini'], 30])
  assert.throws(() => settings({ RUNNER_TOKEN: undefined }), /RUNNER_TOKEN/)
  assert.throws(() => settings({ RUNNER_WEBHOOK_SECRET: 'abc' }), /RUNNER_WEBHOOK_SECRET/)
  assert.throws(() => settings({ URL_SECRET: undefined }), /URL_SECRET/)
  assert.throws(() => settings({ RUNNER_TOKEN: `${secrets.RUNNER_TOKEN},short` }), /RUNNER_TOKEN.*16 characters/)
  const two = settings({ RUNNER_TOKEN: `${secrets.RUNNER_TOKEN}, ${'y'.repeat(16)}` }).RUNNER_TOKEN
  assert.deepEqual(two, [secrets.RUNNER_TOKEN, 'y'.repeat(16)])
  assert.throws(() => settings({ LEASE_SECONDS: 'soon', MODELS: 'a,' }), /MODELS.*LEASE_SECONDS/)
})
