import type { FamilyName, SpecOf } from '../../ir/kernel-spec.ts';
import { runOnDevice } from '../device/run-on-device.ts';
import type { CudaFamily, VerificationCase } from '../families/family.ts';
import { cudaFamilies } from '../families/index.ts';
import { assert } from '../support/assert.ts';
import { fail, succeed } from '../support/result.ts';
import { toCaseJob } from './case-job.ts';
import type { CudaClock } from './cuda-candidates.ts';
import type { CudaPlaneOptions, Gpu } from './cuda-plane-options.ts';

/** Runs within one process, of which the median counts: to start one costs a second, a launch some microseconds. */
const repeats = 5;
const timeoutMs = 60_000;
/** Output tiles compared with the oracle each time. */
const comparedTiles = 6;

/** A GPU's own clock: events around one launch, its inputs out of L2. What it computes is compared every time. */
export function timeOnGpu({ l2Bytes }: Gpu, { env, signal, device }: CudaPlaneOptions): CudaClock {
  let last: { readonly name: string; readonly data: VerificationCase } | undefined;
  return {
    async time({ kernel, spec, binary }, { at }, seed) {
      const family = cudaFamilies[spec.family] as unknown as CudaFamily<FamilyName>;
      const own = spec as SpecOf<FamilyName, 'cuda'>;
      // Data may depend on the schedule by its workspace alone.
      const name = `${kernel.id} ${at} ${seed}`;
      const data = last?.name === name ? last.data : family.cases(own, at, seed).at(-1);
      assert(data !== undefined, 'a family has data for its kernels');
      last = { name, data };
      const job = toCaseJob(kernel.id, family.contract(own), data, binary.ptx);
      const timing = { warmup: 1, repeat: repeats, flushBytes: 2 * l2Bytes };
      const ran = await runOnDevice({ ...job, timing, device }, { env, signal, timeoutMs });
      if (!ran.ok) return fail(`${ran.error.code}: ${ran.error.message}`);
      const comparison = data.compare(
        (argument, offset, length) => {
          const index = data.buffers.findIndex((buffer) => buffer.argument === argument);
          return (ran.value.outputs.get(index) ?? new Uint8Array()).slice(offset, offset + length);
        },
        family.sampleCtas(own, at, comparedTiles, seed),
      );
      if (comparison.failures > 0) return fail(`wrong on the GPU: ${comparison.worstAt}`);
      const times = [...ran.value.timesUs].sort((a, b) => a - b);
      const median = times[Math.floor(times.length / 2)];
      return median === undefined ? fail('the runner gave no time') : succeed(median);
    },
  };
}
