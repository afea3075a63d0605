import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Story } from '../contract/story-view.ts'
import { line, root, setUp, start } from '../test/commands.ts'
import { signInLinks } from './sign-in.ts'

test('a token is good once, and only where it was given out', () => {
  const { link, exchange } = signInLinks('key')
  const token = new URL(link('http://127.0.0.1:1')).hash.replace('#sign-in=', '')
  assert.equal(signInLinks('other').exchange(token), undefined)
  assert.deepEqual([exchange(token), exchange(token), exchange('')], ['key', undefined, undefined])
})

test('npm run demo -- --open: a link to its story, signed in, until Ctrl-C, which is a good end', async (t) => {
  const { folder, endWith } = await setUp(t)
  const env = {
    FABLEFRAME_DATA: join(folder, 'data'),
    FABLEFRAME_DEMO_OUT: join(folder, 'out'),
    FABLEFRAME_MODEL: folder,
    FABLEFRAME_MODEL_MODULE: join(root, 'test/drawing-model.ts'),
    // No browser is to open.
    PATH: '',
  }
  const demo = start(endWith, [process.execPath, join(root, 'local/demo.ts'), '--open'], env)
  const link = new URL(await line(demo.stdout!, /(http:\S+#sign-in=\S+)/))
  const asked = new URLSearchParams(link.hash.slice(1))
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ token: asked.get('sign-in') })
  const answer = await fetch(`${link.origin}/sign-in`, { method: 'POST', headers, body })
  const { key } = (await answer.json()) as { key: string }
  const shown = await fetch(`${link.origin}/stories/${asked.get('story')}`, {
    headers: { authorization: `Bearer ${key}` },
  })
  assert.equal(((await shown.json()) as Story).status, 'succeeded')
  demo.kill('SIGINT')
  assert.deepEqual(await once(demo, 'exit'), [0, null])
})
