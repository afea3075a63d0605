import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundleWorker } from './bundle.ts'

test('a bundle is kept until one of its files changes, and made anew when what is kept is broken', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bundle-'))
  t.after(() => rm(folder, { recursive: true }))
  const [entry, other, cache] = [join(folder, 'a.ts'), join(folder, 'b.ts'), join(folder, 'cache')]
  const bundle = () => bundleWorker(entry, cache)
  await writeFile(entry, "import { b } from './b.ts'\nexport default b")
  await writeFile(other, "export const b: string = 'first'")
  assert.match(await bundle(), /first/)
  const [kept = ''] = await readdir(cache)
  await writeFile(join(cache, kept), JSON.stringify({ inputs: {}, text: 'as kept' }))
  assert.equal(await bundle(), 'as kept')
  await writeFile(join(cache, kept), '{"inputs":')
  assert.match(await bundle(), /first/)
  await writeFile(other, "export const b: string = 'second one'")
  assert.match(await bundle(), /second one/)
  await rm(other)
  await assert.rejects(bundle(), /b\.ts/)
  assert.deepEqual(await readdir(cache), [kept])
})
