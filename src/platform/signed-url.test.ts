import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { isSigned, linksEnd, refuseSignedUrl, signUrl } from './signed-url.ts'

const secret = 'a secret of at least 32 characters'
const other = 'another secret of 32 characters!!'
const settings = { URL_SECRET: [secret] as [string] }
const url = 'https://edge.example/stories/abc/events'
const link = signUrl(url, 2_000_000, settings)

test('a link opens its path until it expires, from any host', () => {
  assert.equal(refuseSignedUrl(link, 1_999_999, settings), undefined)
  assert.equal(refuseSignedUrl(link.replace('edge.example', 'localhost:1'), 0, settings), undefined)
  assert.match(refuseSignedUrl(link, 2_000_000, settings) ?? '', /expired at 1970-01-01T00:33:20/)
  assert.ok(isSigned(link) && !isSigned(url))
  assert.equal(signUrl(url, 2_000_000, settings), link)
})

test('the signature is HMAC-SHA256 as node:crypto computes it', () => {
  const mac = createHmac('sha256', secret).update('fableframe link\n/stories/abc/events\n2000')
  assert.equal(new URL(link).searchParams.get('sig'), mac.digest('base64url'))
})

test('any other path, time, signature or secret is refused', () => {
  const spoilt = [
    link.replace('abc', 'abd'),
    link.replace('exp=2000', 'exp=3000'),
    link.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
    link.replace(/sig=.*/, 'sig='),
    link.replace(/exp=\d+/, 'exp=1e9'),
    url,
  ]
  for (const wrong of spoilt) assert.match(refuseSignedUrl(wrong, 0, settings) ?? '', /signature|expiry/, wrong)
  assert.match(refuseSignedUrl(link, 0, { URL_SECRET: [other] }) ?? '', /signature/)
})

test('links of a secret that is being replaced stay open, and new ones are signed by the first', () => {
  assert.equal(refuseSignedUrl(link, 0, { URL_SECRET: [other, secret] }), undefined)
  const renewed = signUrl(url, 2_000_000, { URL_SECRET: [other, secret] })
  assert.equal(refuseSignedUrl(renewed, 0, { URL_SECRET: [other] }), undefined)
})

test('links outlive what they lead to, and do not change while it is there', () => {
  const day = 24 * 3600_000
  assert.equal(linksEnd({ createdAt: 1000, retentionMs: 30 * day }), 1000 + 37 * day)
  assert.ok(linksEnd({ createdAt: 0, retentionMs: null }) > 3650 * day)
})
