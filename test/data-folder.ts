/** A folder for the data of what a test starts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export interface DataFolder {
  readonly path: string
  /** Called after the test, the latest first, and waited for before the folder goes. */
  endWith(end: () => unknown): void
}

/**
 * Hooks of a test run in the order they were made, and the first that throws is the last: a folder removed by one of its
 * own is still written to by what a later one would stop. A killed edge's workerd ends a moment after it, hence the retries.
 */
export async function dataFolder(t: TestContext): Promise<DataFolder> {
  const path = await mkdtemp(join(tmpdir(), 'data-'))
  const ends: (() => unknown)[] = []
  t.after(async () => {
    for (const end of ends.reverse()) await end()
    await rm(path, { recursive: true, maxRetries: 10 })
  })
  return { path, endWith: (end) => ends.push(end) }
}
