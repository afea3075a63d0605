/** The API key of this machine: made once, kept next to the data that it opens. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { newApiKey } from '../src/db/keys/new-key.ts'

const tools = { now: Date.now, randomBytes: (count: number) => new Uint8Array(randomBytes(count)) }

export interface KeptKey {
  key: string
  file: string
  isNew: boolean
}

/** The key in the data folder, and a new one if there is none. Only the owner of the folder may read either. */
export async function keepApiKey(dataDir: string): Promise<KeptKey> {
  const file = join(dataDir, 'api-key')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await chmod(dataDir, 0o700)
  const fresh = (await newApiKey('local', tools)).key
  const isNew = await writeFile(file, `${fresh}\n`, { flag: 'wx', mode: 0o600 }).then(
    () => true,
    (error) => {
      if (error.code !== 'EEXIST') throw error
      return false
    },
  )
  return { key: (await readFile(file, 'utf8')).trim(), file, isNew }
}
