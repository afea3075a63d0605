import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { readEnvironment } from './settings.ts'

test('settings of the edge are passed on, and nothing else is', () => {
  const given = {
    METRICS_TOKEN: 'a-token-of-metrics',
    PUBLIC_URL: 'https://stories.example',
    LOG_REQUESTS: '1',
    RATE_LIMIT_CREATE: '5',
  }
  const { edgeEnv, port, dataDir } = readEnvironment({ ...given, PATH: '/bin', FABLEFRAME_MODEL: '/models/mine' })
  assert.deepEqual(edgeEnv, { LEASE_SECONDS: '15', ...given })
  assert.deepEqual([port, dataDir], [8787, resolve('.fableframe')])
})

test('everything that is wrong is named: values, and names that nobody knows', () => {
  const wrong = {
    PORT: 'eighty',
    LOG_REQUESTS: 'yes',
    RATE_LIMIT_CREATE: '-1',
    METRICS_TOKEN: 'short',
    FABLEFRAME_MODLE: '/models/mine',
    RATE_LIMIT_READS: '5',
  }
  assert.throws(
    () => readEnvironment(wrong),
    ({ message }: Error) => {
      assert.deepEqual(
        message
          .split('\n')
          .map((line) => line.split(':')[0])
          .sort(),
        Object.keys(wrong).sort(),
      )
      assert.match(message, /PORT: a number from 0 to 65535/)
      assert.match(message, /FABLEFRAME_MODLE: no such setting; there are .*FABLEFRAME_MODEL/)
      return true
    },
  )
})
