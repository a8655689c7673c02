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
import { type ChannelShard, channelShards, isSharded, shardedArguments } from './channel-shards.ts';
import { finishBuffers, multiplyBuffers, sharesArgument, sharesProtocol } from './slice-shares.ts';
import { tileOf } from './tile-of.ts';

type WgslLinear = SpecOf<'linear', 'wgsl'>;

/** The buffers of a linear; those of no size are left out, since a binding cannot be empty. */
export function linearBuffers({ problem, schedule }: WgslLinear): readonly BufferArgument[] {
  const { baseSegments, outlierSegments } = linearGeometry(problem);
  const absent = new Set([
    ...(baseSegments === 0 ? ['weights', 'codes'] : []),
    ...(outlierSegments === 0 ? ['outlier_weights', 'outlier_rows'] : []),
  ]);
  const workspace = schedule.kind === 'slice-split' ? [sharesArgument(problem, schedule)] : [];
  const given = linearArguments(problem)
    .filter(({ name }) => !absent.has(name))
    .map((buffer) =>
      buffer.name === 'residual'
        ? { ...buffer, meaning: 'added to y in f32; not y itself, which WebGPU forbids' }
        : buffer,
    );
  return [...given, ...workspace];
}

/**
 * Arguments in the order of bindings 1, 2, …, the token count (binding 0) last; a dispatch for each shard of channels, and
 * where K is cut into slices one more that adds up their shares.
 */
export function linearContract(spec: WgslLinear): WgslContract {
  const { problem, schedule } = spec;
  const buffers = linearBuffers(spec);
  const shards = channelShards(problem, schedule);
  const common = {
    arguments: [...buffers, { kind: 'token-count' as const, name: 'M' }],
    tokensAtOnce: launchTokens(spec),
  };
  if (schedule.kind !== 'slice-split')
    return { ...common, dispatches: shards.map((shard) => shardDispatch(spec, shard, 'main')) };
  return {
    ...common,
    dispatches: [
      ...shards.map((shard) => shardDispatch(spec, shard, 'multiply', multiplyBuffers, schedule.slices)),
      {
        entryPoint: 'finish',
        grid: [constant(workgroupsAlongN(spec, linearGeometry(problem).channelBlocks)), tokens, constant(1)],
        block: [...tileOf(schedule).block, 1],
        uniforms: [tokenUniform],
        buffers: bindBuffers(buffers, finishBuffers),
      },
    ],
    workspace: sharesProtocol,
  };
}

function shardDispatch(
  spec: WgslLinear,
  shard: ChannelShard,
  entryPoint: string,
  names?: readonly string[],
  slices = 1,
): DispatchContract {
  const { problem, schedule } = spec;
  const buffers = linearBuffers(spec);
  const tile = tileOf(schedule);
  const firstBlock = {
    binding: buffers.length + 1,
    name: 'first_block',
    value: constant(shard.firstBlock),
  };
  const sharded = isSharded(problem, schedule);
  return {
    entryPoint,
    grid: [
      constant(workgroupsAlongN(spec, shard.blocks)),
      { ceilDiv: [tokens, constant(tile.tokens)] },
      constant(slices),
    ],
    block: [...tile.block, 1],
    uniforms: [tokenUniform, ...(sharded ? [firstBlock] : [])],
    buffers: bindBuffers(buffers, names, sharded ? shardRanges(problem, shard) : {}),
  };
}

function workgroupsAlongN({ schedule }: WgslLinear, blocks: number): number {
  return ceilDiv(blocks * blockChannels, tileOf(schedule).channels);
}

/** Most tokens of a launch; 0 where there is no such launch. */
export function launchTokens(spec: WgslLinear): number {
  const { limits } = webgpu;
  const { kind } = spec.schedule;
  const tokensInGrid = kind === 'slice-split' ? 1 : tileOf(spec.schedule).tokens; // finish: a row each
  return tokensAtOnce(linearBuffers(spec), limits, limits.workgroupsPerDimension * tokensInGrid);
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
