/**
 * One unit on disk. It is written under another name and renamed when complete, so a unit that exists is whole.
 *
 * That holds when the process is killed. It may not hold when power fails: flushing would wait for everything else that the
 * machine writes, which takes minutes during a training run, and a command can make the data again.
 */
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawSet } from './draw.ts'
import { labelsOf, type StoryDbOptions, type Unit } from './options.ts'
import { TAR_END, tarEntry } from './tar.ts'

/** Write `unit`; yields how many frames more are written, each time there are some. */
export function writeUnit(options: StoryDbOptions, unit: Unit): AsyncGenerator<number> {
  return options.format === 'folders' ? writeFolder(options, unit) : writeShard(options, unit)
}

async function* writeFolder(options: StoryDbOptions, unit: Unit): AsyncGenerator<number> {
  const folder = join(options.out, unit.name)
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial)
  const lines: string[] = []
  for await (const { files, label } of drawSet(options, unit.first)) {
    for (const { name, bytes } of files) await writeFile(join(partial, name.slice(unit.name.length)), bytes)
    lines.push(`${JSON.stringify(label)}\n`)
  }
  await writeFile(join(partial, 'labels.jsonl'), lines.join(''))
  await rename(partial, folder)
  yield lines.length
}

/** The shard and, beside it, its labels. These take their name first, so whoever sees the shard has its labels. */
async function* writeShard(options: StoryDbOptions, unit: Unit): AsyncGenerator<number> {
  const path = join(options.out, unit.name)
  const labelPath = join(options.out, labelsOf(options, unit))
  await using shard = await open(`${path}.partial`, 'w')
  await using labels = await open(`${labelPath}.partial`, 'w')
  for (let set = unit.first; set < unit.end; set++) {
    const entries: Uint8Array[] = []
    const lines: string[] = []
    for await (const { files, stem, label } of drawSet(options, set)) {
      const line = JSON.stringify(label)
      for (const { name, bytes } of files) entries.push(tarEntry(name, bytes))
      entries.push(tarEntry(`${stem}.json`, Buffer.from(line)))
      lines.push(`${line}\n`)
    }
    await shard.writeFile(Buffer.concat(entries))
    await labels.writeFile(lines.join(''))
    yield lines.length
  }
  await shard.writeFile(TAR_END)
  await rename(`${labelPath}.partial`, labelPath)
  await rename(`${path}.partial`, path)
}
