/** What this machine has that onnxruntime's providers need. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { sessionThreads } from '../../engine/runtime/threads.ts'

export interface Machine {
  readonly system: string
  readonly node: string
  readonly onnxruntime: string
  readonly cpu: string
  readonly cores: number
  /** That a session computes with. */
  readonly threads: number
  readonly memoryBytes: number
  /** Names of the files in onnxruntime-node's folder for this system. */
  readonly providerFolder: string
  readonly providerFiles: readonly string[]
  /** One line a GPU, as nvidia-smi prints name, driver and memory; null without nvidia-smi. */
  readonly nvidia: readonly string[] | null
  /** Of `gpuLibraries`, those that the dynamic linker finds. */
  readonly libraries: readonly string[]
  /** Description files of Vulkan drivers. */
  readonly vulkanDrivers: readonly string[]
}

/** What CUDA 12 and cuDNN 9, and Vulkan, are to the dynamic linker of Linux. */
export const cudaLibraries = [
  'libcudart.so.12',
  'libcublas.so.12',
  'libcublasLt.so.12',
  'libcufft.so.11',
  'libcurand.so.10',
]
export const cudnnLibrary = 'libcudnn.so.9'
export const vulkanLibrary = 'libvulkan.so.1'
const gpuLibraries = [...cudaLibraries, cudnnLibrary, vulkanLibrary]

export function inspectMachine(env: NodeJS.ProcessEnv = process.env): Machine {
  const { resolve } = createRequire(import.meta.url)
  const packageFolder = dirname(dirname(resolve('onnxruntime-node')))
  const providerFolder = join(packageFolder, 'bin/napi-v6', process.platform, process.arch)
  const { version } = createRequire(import.meta.url)(join(packageFolder, 'package.json')) as { version: string }
  return {
    system: `${process.platform}/${process.arch}`,
    node: process.versions.node,
    onnxruntime: version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    threads: sessionThreads(env),
    memoryBytes: totalmem(),
    providerFolder,
    providerFiles: list(providerFolder),
    nvidia: nvidiaCards(),
    libraries: linkable(gpuLibraries, env),
    vulkanDrivers: vulkanDrivers(env),
  }
}

function nvidiaCards(): string[] | null {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader']
  return output('nvidia-smi', query)?.trim().split('\n') ?? null
}

function linkable(names: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const cache = output('ldconfig', ['-p']) ?? output('/sbin/ldconfig', ['-p']) ?? ''
  const folders = (env.LD_LIBRARY_PATH ?? '').split(delimiter).filter(Boolean)
  return names.filter((name) => cache.includes(`\t${name} `) || folders.some((path) => existsSync(join(path, name))))
}

/** The files that the environment names, else those where packages put them; as the Vulkan loader looks for them. */
function vulkanDrivers(env: NodeJS.ProcessEnv): string[] {
  const named = env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES
  if (named) return named.split(delimiter).filter((path) => existsSync(path))
  return ['/etc', '/usr/local/share', '/usr/share']
    .map((path) => join(path, 'vulkan/icd.d'))
    .flatMap((path) => list(path).map((name) => join(path, name)))
    .filter((path) => path.endsWith('.json'))
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : []
}

function output(command: string, args: readonly string[]): string | null {
  try {
    return execFileSync(command, args, { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return null
  }
}
