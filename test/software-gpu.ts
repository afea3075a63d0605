/** A GPU in software, for tests of the `webgpu` provider: SwiftShader, a Vulkan driver that Debian's chromium brings. */
import { existsSync } from 'node:fs'
import { inspectMachine, vulkanLibrary } from '../gpu-runner/src/cli/doctor/machine.ts'

// Mesa's lavapipe of Debian 12 lacks a feature that onnxruntime asks for.
const drivers = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/opt/google/chrome/vk_swiftshader_icd.json']

/** The environment that a process on the software device must start with, or why there is none. */
export function softwareGpu(): { env: NodeJS.ProcessEnv; skip: false } | { env: null; skip: string } {
  const driver = drivers.find((path) => existsSync(path))
  if (!driver) return { env: null, skip: 'no vk_swiftshader_icd.json: apt-get install chromium' }
  if (!inspectMachine().libraries.includes(vulkanLibrary))
    return { env: null, skip: `no ${vulkanLibrary}: apt-get install libvulkan1` }
  return { env: { ...process.env, VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver }, skip: false }
}
