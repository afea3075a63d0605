/** `npm ci` on a fresh machine: nothing is fetched from outside npm, and any Node that we name will do. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

interface Lock {
  packages: Record<string, { hasInstallScript?: boolean; optional?: boolean; engines?: { node?: string } }>
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock

test('the lock names no script of onnxruntime-node, which would fetch the CUDA provider from nuget.org', () => {
  // npm up to 11 has no `allowScripts`, and runs what the lock says there is. After an update, take the line out again.
  const own = Object.entries(packages).filter(([path]) => path.endsWith('/onnxruntime-node'))
  assert.deepEqual(
    own.map(([, { hasInstallScript }]) => hasInstallScript),
    [undefined],
  )
})

test('no package wants a newer Node than we do', () => {
  assert.equal(packages['']?.engines?.node, '>=20.19')
  const newer = Object.entries(packages).filter(
    ([, { engines, optional }]) => !optional && /^>= ?(2[1-9]|[3-9]\d)/.test(engines?.node ?? ''),
  )
  assert.deepEqual(newer, [])
})
