import type { LinearProblem } from '../../../../ir/problem.ts';
import type { WgslTarget } from '../../../../targets/target.ts';
import type { Support } from '../../family.ts';
import { blockBytes, linearGeometry } from '../geometry.ts';
import { launchTokens } from './contract.ts';

/** Products are summed 256 (4 bit) times or once as large as they are: |sum| <= 2^14 a column. */
const longestBase = 2 ** 17 - 1;

/** What has to be bound does not depend on it. */
const anySchedule = {
  kind: 'register-tile',
  channelThreads: 4,
  tokenThreads: 8,
  tokensPerThread: 1,
  dot: 'scalar',
  halves: 'words',
} as const;

/** Whether the WGSL template can serve `problem`, or the first reason why not. */
export function supportsLinear(problem: LinearProblem, target: WgslTarget): Support {
  const { weightBits, activationBits, n, k } = problem;
  if (weightBits !== activationBits) {
    return {
      supported: false,
      reason: `w${weightBits}a${activationBits}: weights and activations of different widths have no kernel yet`,
      nearest: `w${activationBits}a${activationBits}`,
    };
  }
  if (n % 2 !== 0) {
    return {
      supported: false,
      reason: `N = ${n}: y is written in words of two channels`,
      nearest: `N = ${n + 1}, padded`,
    };
  }
  if (k > longestBase) {
    const reason = `K = ${k}: int32 accumulators are exact up to ${longestBase} columns`;
    return { supported: false, reason, nearest: 'a smaller K, or shards along K' };
  }
  const { channelBlocks, baseSegments, outlierSegments } = linearGeometry(problem);
  const bytes = channelBlocks * Math.max(baseSegments, outlierSegments) * blockBytes;
  if (bytes > target.limits.requestedBufferBytes) {
    return {
      supported: false,
      reason: `packed weights of ${bytes} bytes: a buffer has at most ${target.limits.requestedBufferBytes}`,
      nearest: 'shards along N, each a linear of its own',
    };
  }
  if (launchTokens({ family: 'linear', problem, schedule: anySchedule }) === 0) {
    const reason = `N = ${n}: the fewest rows of y that can be bound apart do not fit a binding of ${target.limits.bindingBytes} bytes`;
    return { supported: false, reason, nearest: 'shards along N, each a linear of its own' };
  }
  return { supported: true };
}
