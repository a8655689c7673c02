import type { LinearProblem } from '../../../../ir/problem.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import type { Support } from '../../family.ts';
import { blockBytes, linearGeometry } from '../geometry.ts';
import { codeMma } from './code-mma.ts';

/**
 * |product| is at most 2^(2b-2) a column: from 2^31 / 2^(2b-2) columns on, int32 accumulators could overflow. Widened codes
 * are 16-fold, as large as 8-bit ones.
 */
const longestBase = { s4: 2 ** 25 - 1, s8: 2 ** 17 - 1, 's4-as-s8': 2 ** 17 - 1 } as const;

/** Whether the linear templates can serve `problem` on `target`, or the first reason why not. */
export function supportsLinear(problem: LinearProblem, target: CudaTarget): Support {
  const { weightBits, activationBits } = problem;
  if (weightBits !== activationBits) {
    return refuse(
      `w${weightBits}a${activationBits}: weights and activations of different widths have no kernel yet`,
      `w${activationBits}a${activationBits}`,
    );
  }
  const mma = codeMma(problem);
  const instruction = mma === 's4' ? 's4-m16n8k64' : 's8-m16n8k32';
  if (!target.mma.some(({ name }) => name === instruction)) {
    return refuse(`${target.id} has no native ${instruction}`, 'quik-8b');
  }
  if (problem.k > longestBase[mma]) {
    return refuse(
      `K = ${problem.k}: int32 accumulators are exact up to ${longestBase[mma]} columns of ${activationBits} bits`,
      'a smaller K, or shards along K',
    );
  }
  const bytes = weightBytes(problem);
  if (bytes > 2 ** 32) {
    return refuse(`packed weights of ${bytes} bytes: kernels address them with 32 bits`, 'shards along N');
  }
  return { supported: true };
}

function weightBytes(problem: LinearProblem): number {
  const { channelBlocks, baseSegments, outlierSegments } = linearGeometry(problem);
  return channelBlocks * Math.max(baseSegments, outlierSegments) * blockBytes;
}

function refuse(reason: string, nearest: string): Support {
  return { supported: false, reason, nearest };
}
