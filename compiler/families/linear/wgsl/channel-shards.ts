import type { LinearProblem } from '../../../../ir/problem.ts';
import type { WgslLinearSchedule } from '../../../../ir/schedule.ts';
import { webgpu } from '../../../../targets/webgpu.ts';
import { ceilDiv, roundUp } from '../../../support/integer.ts';
import { blockBytes, blockChannels, linearGeometry } from '../geometry.ts';
import { tileOf } from './tile-of.ts';

/** Blocks of 16 channels that one dispatch computes. */
export interface ChannelShard {
  readonly firstBlock: number;
  readonly blocks: number;
}

/** Blocks of the widest tile, so that no workgroup's channels lie in two shards. */
const unit = 32;

/** The packed arguments of which a shard binds its own part: the ones that grow with N and K. */
export const shardedArguments = { weights: 'baseSegments', outlier_weights: 'outlierSegments' } as const;

/** As few shards, of as equal sizes, as keep packed weights and workgroups along the channels within WebGPU's limits. */
export function channelShards(problem: LinearProblem, schedule: WgslLinearSchedule): readonly ChannelShard[] {
  const { channelBlocks, baseSegments, outlierSegments } = linearGeometry(problem);
  const { bindingBytes, workgroupsPerDimension } = webgpu.limits;
  const byBytes = bindingBytes / (Math.max(baseSegments, outlierSegments) * blockBytes);
  const byGrid = (workgroupsPerDimension * tileOf(schedule).channels) / blockChannels;
  const most = Math.min(byBytes, byGrid);
  if (channelBlocks <= most) return [{ firstBlock: 0, blocks: channelBlocks }];
  const count = ceilDiv(channelBlocks, Math.floor(most / unit) * unit);
  const each = roundUp(ceilDiv(channelBlocks, count), unit);
  return Array.from({ length: ceilDiv(channelBlocks, each) }, (_, shard) => ({
    firstBlock: shard * each,
    blocks: Math.min(each, channelBlocks - shard * each),
  }));
}

/** Whether a kernel is dispatched for a part of the channels at a time. */
export function isSharded(problem: LinearProblem, schedule: WgslLinearSchedule): boolean {
  return channelShards(problem, schedule).length > 1;
}
