/** What the doctor makes of a machine and of what its devices computed. */
import type { DeviceCheck } from '../../engine/runtime/check-device.ts'
import type { Device } from '../../engine/runtime/device.ts'
import { cudaLibraries, cudnnLibrary, type Machine, vulkanLibrary } from './machine.ts'

/** The check of a device, or why there is none. */
export type Outcome = DeviceCheck | { readonly problem: string }

export interface Diagnosis {
  readonly device: Device
  readonly verdict: 'works' | 'wrong' | 'unusable'
  readonly outcome: Outcome
  /** What to do, in order. */
  readonly advice: readonly string[]
}

/** Float32 sums differ in order only; TF32, which CUDA uses on its own, keeps ten bits. */
const allowed: Readonly<Record<Device, number>> = { cpu: 1e-6, webgpu: 1e-4, cuda: 1e-2 }

export function diagnose(device: Device, outcome: Outcome, machine: Machine): Diagnosis {
  if ('problem' in outcome) return { device, verdict: 'unusable', outcome, advice: missing(device, machine) }
  if (outcome.maxError <= allowed[device]) return { device, verdict: 'works', outcome, advice: [] }
  const advice = ['This device computes something else than the CPU. Update its driver; until it agrees, use the CPU.']
  return { device, verdict: 'wrong', outcome, advice }
}

function missing(device: Device, machine: Machine): string[] {
  const advice = { cpu: forCpu, webgpu: forWebGpu, cuda: forCuda }[device](machine)
  return advice.length > 0 ? advice : ['Nothing that we know of is missing; the message above is the provider’s own.']
}

function forCpu({ system, providerFiles }: Machine): string[] {
  if (providerFiles.length > 0) return []
  return [`onnxruntime-node has no library for ${system}; it runs on Linux, macOS and Windows, on x64 and arm64.`]
}

function forWebGpu({ system, libraries, vulkanDrivers, nvidia }: Machine): string[] {
  // Metal and Direct3D are part of the other systems.
  if (!system.startsWith('linux')) return []
  const advice: string[] = []
  if (!libraries.includes(vulkanLibrary)) advice.push('Install the Vulkan loader: apt-get install libvulkan1')
  if (vulkanDrivers.length === 0) {
    advice.push(
      nvidia
        ? 'Install the Vulkan part of the NVIDIA driver (in a container: NVIDIA_DRIVER_CAPABILITIES=all).'
        : 'Install the Vulkan driver of the GPU: mesa-vulkan-drivers for AMD and Intel, the NVIDIA driver for NVIDIA.',
      'Without a GPU: apt-get install chromium, which brings SwiftShader, a slow software device, and start with ' +
        'VK_DRIVER_FILES and VK_ICD_FILENAMES set to /usr/lib/chromium/vk_swiftshader_icd.json',
    )
  }
  return advice
}

function forCuda({ system, providerFiles, providerFolder, libraries, nvidia }: Machine): string[] {
  if (system !== 'linux/x64') return [`onnxruntime-node has CUDA on linux/x64 only, and this is ${system}.`]
  const advice: string[] = []
  if (!nvidia) advice.push('No NVIDIA driver: nvidia-smi does not run. CUDA 12 wants driver 525 or later.')
  if (!providerFiles.includes('libonnxruntime_providers_cuda.so'))
    advice.push(
      `libonnxruntime_providers_cuda.so is not in ${providerFolder}; fetch it (from nuget.org, 300 MB): ` +
        'ONNXRUNTIME_NODE_INSTALL=true node node_modules/onnxruntime-node/script/install.js',
    )
  const lacking = cudaLibraries.filter((name) => !libraries.includes(name))
  if (lacking.length > 0)
    advice.push(`Install CUDA 12 (NVIDIA’s apt repository: cuda-libraries-12-9); not found: ${lacking.join(', ')}`)
  if (!libraries.includes(cudnnLibrary))
    advice.push(`Install cuDNN 9 for CUDA 12 (NVIDIA’s apt repository: cudnn9-cuda-12); not found: ${cudnnLibrary}`)
  return advice
}
