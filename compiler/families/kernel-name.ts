import type { LinearProblem, QuantizeProblem } from '../../ir/problem.ts';
import type {
  LinearSchedule,
  QuantizeSchedule,
  Schedule,
  WgslLinearSchedule,
  WorkgroupRowSchedule,
} from '../../ir/schedule.ts';

/** `quik_linear_w4a4_f16_n4096k4096f256_t128x128x128s3_sm80_1f3a9c02`: facts to read, 8 hex digits to be unique. */
export function linearKernelId(
  problem: LinearProblem,
  schedule: LinearSchedule | WgslLinearSchedule,
  specHash: string,
): string {
  const scheme = `w${problem.weightBits}a${problem.activationBits}`;
  const shape = `n${problem.n}k${problem.k}f${problem.outliers}`;
  const tile = [tileName(problem, schedule), ...formOf(schedule)].join('_');
  return ['quik_linear', scheme, problem.dtype, shape, tile, problem.target, specHash.slice(0, 8)].join('_');
}

/** What tells kernels of one tile apart that are for different devices. */
function formOf(schedule: Schedule): readonly string[] {
  return [
    ...('dot' in schedule && schedule.dot !== 'packed' ? [schedule.dot] : []),
    ...('reduce' in schedule && schedule.reduce === 'subgroup' ? ['subgroups'] : []),
    ...('halves' in schedule && schedule.halves === 'vectors' ? ['halves'] : []),
  ];
}

function tileName({ activationBits }: LinearProblem, schedule: LinearSchedule | WgslLinearSchedule): string {
  switch (schedule.kind) {
    case 'tiled':
      return `t${schedule.tileN}x${schedule.tileM}x${(schedule.tileKBytes * 8) / activationBits}s${schedule.stages}`;
    case 'split-k':
      return `split${schedule.slices}t${schedule.tileN}x${schedule.tileM}`;
    case 'register-tile':
      return `t${4 * schedule.channelThreads}x${schedule.tokenThreads * schedule.tokensPerThread}r${schedule.tokensPerThread}`;
    case 'lane-split':
      return `k${schedule.lanes}t${4 * schedule.channelThreads}x${schedule.tokens}`;
    case 'slice-split':
      return `s${schedule.slices}t${4 * schedule.channelThreads}x${schedule.tokens}`;
    case 'broadcast-tile':
      return `t${4 * schedule.threads}x${schedule.tokens}b${schedule.lanes}`;
  }
}

export function quantizeKernelId(
  problem: QuantizeProblem,
  schedule: QuantizeSchedule | WorkgroupRowSchedule,
  specHash: string,
): string {
  const prologue = problem.prologue.op === 'none' ? [] : [problem.prologue.op.replace('-', '')];
  const shape = `k${problem.k}f${problem.outliers}`;
  return [
    'quik_quantize',
    ...prologue,
    `a${problem.bits}`,
    problem.dtype,
    shape,
    `t${schedule.threads}`,
    ...formOf(schedule),
    problem.target,
  ]
    .concat(specHash.slice(0, 8))
    .join('_');
}
