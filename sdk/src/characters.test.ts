/** Characters with pictures given in every way. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { dataFolder } from '../../test/data-folder.ts'
import { plainPng } from '../../test/png.ts'
import { testEdge } from '../../test/worker.ts'
import { Fableframe, NotFoundError, ValidationError } from './index.ts'

const { url, key } = await testEdge()
const client = new Fableframe({ apiKey: key, baseUrl: url })
const fern = { name: 'Fern', description: 'an orange fox' }

test('pictures are files, blobs, bytes, paths, links and data URIs', async (t) => {
  const { path: folder } = await dataFolder(t)
  const file = join(folder, 'fern at home.png')
  const png = new Uint8Array(await plainPng(3))
  await writeFile(file, png)
  const local = await client.characters.create({
    ...fern,
    references: [new File([png], 'a.png'), new Blob([png]), file, pathToFileURL(file)],
  })
  const [{ sha256 } = {}] = local.references
  assert.match(sha256 ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(
    local.references,
    Array.from({ length: 4 }, () => ({ url: null, sha256, content_type: 'image/png', bytes: png.length })),
  )
  const uri = `data:image/png;base64,${Buffer.from(png).toString('base64')}`
  const named = await client.characters.create({
    ...fern,
    references: [uri, new URL('https://pictures.example/fern.png'), 'https://pictures.example/2.png', png],
  })
  assert.deepEqual(
    named.references.map(({ url, sha256 }) => url ?? sha256),
    [sha256, 'https://pictures.example/fern.png', 'https://pictures.example/2.png', sha256],
  )
})

test('they are listed, read and deleted', async () => {
  const { id } = await client.characters.create({ name: 'Bo', description: 'a brown bear' })
  assert.equal((await client.characters.get(id)).name, 'Bo')
  const names: string[] = []
  for await (const { name } of client.characters.list({ limit: 1 })) names.push(name)
  assert.deepEqual(names, ['Bo', 'Fern', 'Fern'])
  await client.characters.delete(id)
  await assert.rejects(client.characters.get(id), NotFoundError)
})

test('a file that is missing, or is no picture, is named', async () => {
  await assert.rejects(client.characters.create({ ...fern, references: ['/no/such.png'] }), /ENOENT.*\/no\/such\.png/)
  await assert.rejects(client.characters.create({ ...fern, references: [new Blob(['text'])] }), (error) => {
    assert.ok(error instanceof ValidationError)
    assert.equal(error.errors[0]?.pointer, '/references/0')
    return true
  })
})
