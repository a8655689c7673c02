import type {
  BufferArgument,
  DispatchContract,
  StorageBinding,
  WgslContract,
} from '../../../../ir/call-contract.ts';
import { constant, tokens } from '../../../../ir/formula.ts';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import type { LinearProblem } from '../../../../ir/problem.ts';
import { webgpu } from '../../../../targets/webgpu.ts';
import { ceilDiv } from '../../../support/integer.ts';
import { bindBuffers, tokensAtOnce, tokenUniform } from '../../wgsl-dispatches.ts';
import { linearArguments } from '../arguments.ts';
import { blockBytes, blockChannels, linearGeometry } from '../geometry.ts';
import { type ChannelShard, channelShards, shardedArguments } from './channel-shards.ts';
import { tileOf } from './tile-of.ts';

/** The buffers of a linear; those of no size are left out, since a binding cannot be empty. */
export function linearBuffers(problem: LinearProblem): readonly BufferArgument[] {
  const { baseSegments, outlierSegments } = linearGeometry(problem);
  const absent = new Set([
    ...(baseSegments === 0 ? ['weights', 'codes'] : []),
    ...(outlierSegments === 0 ? ['outlier_weights', 'outlier_rows'] : []),
  ]);
  return linearArguments(problem)
    .filter(({ name }) => !absent.has(name))
    .map((buffer) =>
      buffer.name === 'residual'
        ? { ...buffer, meaning: 'added to y in f32; not y itself, which WebGPU forbids' }
        : buffer,
    );
}

/** Arguments in the order of bindings 1, 2, …, the token count (binding 0) last; a dispatch for each shard of channels. */
export function linearContract({ problem, schedule }: SpecOf<'linear', 'wgsl'>): WgslContract {
  const buffers = linearBuffers(problem);
  const tile = tileOf(schedule);
  const shards = channelShards(problem, schedule);
  const dispatchOf = (shard: ChannelShard): DispatchContract => ({
    entryPoint: 'main',
    grid: [
      constant(ceilDiv(shard.blocks * blockChannels, tile.channels)),
      { ceilDiv: [tokens, constant(tile.tokens)] },
      constant(1),
    ],
    block: [...tile.block, 1],
    uniforms: [
      tokenUniform,
      ...(shards.length > 1
        ? [{ binding: buffers.length + 1, name: 'first_block', value: constant(shard.firstBlock) }]
        : []),
    ],
    buffers: bindBuffers(buffers, undefined, shards.length > 1 ? shardRanges(problem, shard) : {}),
  });
  return {
    arguments: [...buffers, { kind: 'token-count', name: 'M' }],
    dispatches: shards.map(dispatchOf),
    tokensAtOnce: launchTokens(problem, tile.tokens),
  };
}

/** Most tokens of a launch; 0 where there is no such launch. */
export function launchTokens(problem: LinearProblem, tileTokens: number): number {
  const { limits } = webgpu;
  return tokensAtOnce(linearBuffers(problem), limits, limits.workgroupsPerDimension * tileTokens);
}

function shardRanges(
  problem: LinearProblem,
  { firstBlock, blocks }: ChannelShard,
): Readonly<Record<string, StorageBinding['range']>> {
  const geometry = linearGeometry(problem);
  return Object.fromEntries(
    Object.entries(shardedArguments).map(([name, segments]) => {
      const each = geometry[segments] * blockBytes;
      return [name, { offset: firstBlock * each, bytes: blocks * each }];
    }),
  );
}
