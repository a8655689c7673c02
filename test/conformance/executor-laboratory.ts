import type { DeviceJob } from '../../compiler/device/device-job.ts';
import type { DeviceReply } from '../../compiler/device/run-on-device.ts';
import { compileKernel, execute, GlobalMemory, parsePtx } from '../../compiler/executor/index.ts';
import { succeed } from '../../compiler/support/result.ts';
import type { Laboratory } from './record-vectors.ts';

/** A GPU that is the executor: recording can be tested to the end, and what it records proves nothing about hardware. */
export function executorLaboratory(compile: Laboratory['compile']): Laboratory {
  return { compile, today: () => '2000-01-01', runJob: async (job) => succeed(runJobOnExecutor(job)) };
}

/** A job as a GPU would run it, on the executor. */
export function runJobOnExecutor(job: DeviceJob): DeviceReply {
  const memory = new GlobalMemory();
  const addresses = job.buffers.map(({ bytes, content }, index) => {
    const fill = (at: number, into: Uint8Array) => {
      if (typeof content === 'number') into.fill(content);
      else into.set(content.subarray(at, at + into.length));
    };
    return memory.add({ name: `${index}`, bytes, access: 'workspace', fill });
  });
  for (const launch of job.launches) {
    const module = parsePtx(String(job.modules[launch.module]));
    const kernel = module.ok ? compileKernel(module.value, launch.symbol) : module;
    if (!kernel.ok) throw new Error(kernel.error.message);
    const values = launch.arguments.map((argument) =>
      'buffer' in argument ? (addresses[argument.buffer] ?? 0n) : argument.value,
    );
    const { grid, block, dynamicSharedBytes } = launch;
    execute(kernel.value, { grid, block, dynamicSharedBytes, arguments: values }, memory);
  }
  const outputs = job.buffers.flatMap(({ bytes, download }, index) =>
    download ? [[index, memory.get(`${index}`).read(0, bytes)] as const] : [],
  );
  const sizes = { multiprocessors: 1, l2Bytes: 0, maxSharedBytes: 0, memoryBytes: 0 };
  const device = {
    name: 'PTX executor (no GPU)',
    driver: 0,
    capability: [0, 0] as [number, number],
    ...sizes,
  };
  return { device, functions: [], outputs: new Map(outputs), timesUs: [], stable: true };
}
