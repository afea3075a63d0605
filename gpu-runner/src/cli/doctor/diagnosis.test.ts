import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceCheck } from '../../engine/runtime/check-device.ts'
import { diagnose } from './diagnosis.ts'
import { cudaLibraries, cudnnLibrary, type Machine, vulkanLibrary } from './machine.ts'

const complete: Machine = {
  system: 'linux/x64',
  node: '24.0.0',
  onnxruntime: '1.30.0',
  cpu: 'any',
  cores: 2,
  threads: 2,
  memoryBytes: 2 ** 34,
  providerFolder: '/ort',
  providerFiles: ['libonnxruntime.so.1', 'libonnxruntime_providers_cuda.so'],
  nvidia: ['NVIDIA L4, 550.54.15, 23034 MiB'],
  libraries: [...cudaLibraries, cudnnLibrary, vulkanLibrary],
  vulkanDrivers: ['/usr/share/vulkan/icd.d/nvidia_icd.json'],
}
const check: DeviceCheck = { maxError: 2e-7, errors: {}, attention: 'fused', firstSeconds: 1, seconds: 0.1 }
const problem = { problem: 'it does not open' }

test('each missing part of CUDA is named with what installs it, and only that', () => {
  const advice = (changes: Partial<Machine>) => diagnose('cuda', problem, { ...complete, ...changes }).advice
  assert.match(advice({ nvidia: null }).join(), /^No NVIDIA driver: .*525[^,]*$/)
  assert.match(
    advice({ providerFiles: [] }).join(),
    /^libonnxruntime_providers_cuda\.so is not in \/ort; .*script\/install/,
  )
  const noCufft = complete.libraries.filter((name) => name !== 'libcufft.so.11')
  assert.match(advice({ libraries: noCufft }).join(), /^Install CUDA 12 .*not found: libcufft\.so\.11$/)
  const noCudnn = complete.libraries.filter((name) => name !== cudnnLibrary)
  assert.match(advice({ libraries: noCudnn }).join(), /^Install cuDNN 9 .*libcudnn\.so\.9$/)
  assert.match(advice({ system: 'darwin/arm64' }).join(), /on linux\/x64 only/)
  assert.match(advice({}).join(), /Nothing that we know of is missing/)
})

test('WebGPU wants a Vulkan loader and a driver on Linux, and nothing on other systems', () => {
  const advice = (changes: Partial<Machine>) => diagnose('webgpu', problem, { ...complete, ...changes }).advice.join()
  assert.match(advice({ libraries: [] }), /^[^,]*apt-get install libvulkan1$/)
  assert.match(advice({ vulkanDrivers: [] }), /NVIDIA_DRIVER_CAPABILITIES/)
  assert.match(advice({ vulkanDrivers: [], nvidia: null }), /mesa-vulkan-drivers.*vk_swiftshader_icd\.json/)
  assert.match(advice({ system: 'darwin/arm64', libraries: [], vulkanDrivers: [] }), /Nothing that we know of/)
})

test('a device works only where it agrees with the CPU', () => {
  const verdict = (device: 'cpu' | 'webgpu' | 'cuda', maxError: number) =>
    diagnose(device, { ...check, maxError }, complete).verdict
  assert.deepEqual([verdict('cpu', 0), verdict('webgpu', 2e-6), verdict('cuda', 2e-3)], ['works', 'works', 'works'])
  assert.deepEqual([verdict('cpu', 1e-3), verdict('webgpu', 0.2), verdict('cuda', NaN)], ['wrong', 'wrong', 'wrong'])
})
