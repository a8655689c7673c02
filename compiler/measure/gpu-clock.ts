import type { FamilyName, SpecOf } from '../../ir/kernel-spec.ts';
import type { DeviceBuffer } from '../device/device-job.ts';
import type { DeviceSession } from '../device/device-session.ts';
import type { DeviceReply } from '../device/run-on-device.ts';
import type { CudaFamily } from '../families/family.ts';
import { cudaFamilies } from '../families/index.ts';
import { assert } from '../support/assert.ts';
import { hashValue } from '../support/hash.ts';
import { fail, succeed } from '../support/result.ts';
import { makeContent, readerOf, toCaseJob } from '../verify/case-job.ts';
import type { CudaClock } from './cuda-candidates.ts';

/** What the runner says of a GPU. */
export type Gpu = DeviceReply['device'];

/** Launches within one sample, of which the median counts. */
const repeats = 5;
/** Output tiles compared with the oracle: the executor compared others before. */
const comparedTiles = 2;

/**
 * A GPU's own clock: events around one launch, its inputs out of L2. What a kernel computes is compared before its first
 * time is given.
 */
export function timeOnGpu({ l2Bytes }: Gpu, session: DeviceSession, device: number): CudaClock {
  const proven = new Set<string>();
  const contents = new Map<string, Uint8Array | number>();
  return {
    async time({ kernel, spec, binary }, { at }, seed) {
      const family = cudaFamilies[spec.family] as unknown as CudaFamily<FamilyName>;
      const own = spec as SpecOf<FamilyName, 'cuda'>;
      const data = family.cases(own, at, seed).at(-1);
      assert(data !== undefined, 'a family has data for its kernels');
      const run = `${kernel.id} ${at} ${seed}`;
      const isProven = proven.has(run);
      const problem = `${hashValue(spec.problem)} ${data.name} ${seed}`;
      // Inputs do not depend on the schedule, nor weights on M: made once, and kept on the GPU.
      const made = toCaseJob(kernel.id, family.contract(own), data, binary.ptx, (buffer) => {
        const name = `${problem} ${buffer.argument} ${buffer.bytes}`;
        const content = contents.get(name) ?? makeContent(buffer);
        contents.set(name, content);
        return content;
      });
      const buffers = isProven ? made.buffers.map(withoutDownload) : made.buffers;
      const timing = { warmup: 1, repeat: repeats, flushBytes: 2 * l2Bytes };
      const ran = await session.run({ ...made, buffers, timing, device });
      if (!ran.ok) return fail(`${ran.error.code}: ${ran.error.message}`);
      if (!isProven) {
        const ctas = family.sampleCtas(own, at, comparedTiles, seed);
        const comparison = data.compare(readerOf(data, ran.value), ctas, 'whole-grid');
        if (comparison.failures > 0) return fail(`wrong on the GPU: ${comparison.worstAt}`);
        proven.add(run);
      }
      const times = [...ran.value.timesUs].sort((a, b) => a - b);
      const median = times[Math.floor(times.length / 2)];
      return median === undefined ? fail('the runner gave no time') : succeed(median);
    },
  };
}

function withoutDownload(buffer: DeviceBuffer): DeviceBuffer {
  return { ...buffer, download: false };
}
