/** `npm run convert`: a model folder in diffusers layout as one file, in the layout that most other programs read. */
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { writeSingleFile } from '../engine/pipeline/single-file/write.ts'
import { type Command, command } from './command.ts'

const usage = `usage: npm run convert -- --model <folder> --to ldm --out <file.safetensors> [--force]

Writes Stable Diffusion 1.x, 2.x or SDXL from a folder in diffusers layout as one .safetensors file. --force replaces a
file that is there.`

const cli: Command = command('convert', usage)
const { values } = cli.read({
  model: { type: 'string' },
  to: { type: 'string', default: 'ldm' },
  out: { type: 'string' },
  force: { type: 'boolean', default: false },
})
if (!values.model) cli.fail('--model <folder> is missing')
if (!values.out) cli.fail('--out <file.safetensors> is missing')
cli.oneOf('to', ['ldm'], values.to)
const out = resolve(values.out)
if (!out.endsWith('.safetensors')) cli.fail(`--out must end in .safetensors, and not '${values.out}'`)
if (existsSync(out) && !values.force) cli.fail(`${values.out} is there already; --force replaces it`, 1)
mkdirSync(dirname(out), { recursive: true })
writeSingleFile(resolve(values.model), out)
process.stdout.write(`${values.out}\n`)
