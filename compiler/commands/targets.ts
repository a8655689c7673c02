import type { LinearProblem } from '../../ir/problem.ts';
import { targets as allTargets } from '../../targets/index.ts';
import type { Target } from '../../targets/target.ts';
import { familiesOf } from '../families/index.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { type Column, formatTable } from './format-table.ts';

/** Widths of weights and activations that somebody may ask for; what each family says to them is the table. */
const widths = [
  { weightBits: 4, activationBits: 4 },
  { weightBits: 8, activationBits: 8 },
  { weightBits: 4, activationBits: 8 },
] as const;
const dtypes = ['f16', 'bf16'] as const;

interface SchemeSupport {
  readonly scheme: string;
  readonly dtype: string;
  readonly supported: boolean;
  readonly reason?: string;
  readonly nearest?: string;
}

/** `quikc targets`: what each target is and which schemes have kernels there. */
export async function targets(options: OutputOptions, context: CommandContext): Promise<ExitCode> {
  const described = allTargets.map((target) => ({ target, schemes: schemesOf(target) }));
  if (options.json === true) context.out(`${JSON.stringify(described, null, 2)}\n`);
  else context.out(described.map(formatTarget).join('\n'));
  return 0;
}

function schemesOf(target: Target): readonly SchemeSupport[] {
  return widths.flatMap(({ weightBits, activationBits }) =>
    dtypes.map((dtype): SchemeSupport => {
      const support = familiesOf(target.dialect).linear.supports(
        typical(target, weightBits, activationBits, dtype),
        target,
      );
      const scheme = `w${weightBits}a${activationBits}`;
      return support.supported ? { scheme, dtype, supported: true } : { scheme, dtype, ...support };
    }),
  );
}

/** A linear of ordinary size: only its widths and dtype are in question. */
function typical(
  target: Target,
  weightBits: 4 | 8,
  activationBits: 4 | 8,
  dtype: LinearProblem['dtype'],
): LinearProblem {
  return {
    family: 'linear',
    target: target.id,
    n: 4096,
    k: 4096,
    outliers: 256,
    weightBits,
    activationBits,
    dtype,
    columns: 'compact',
    epilogue: [],
  };
}

const columns: readonly Column[] = [
  { heading: 'scheme', align: 'left' },
  { heading: 'dtype', align: 'left' },
  { heading: 'kernels', align: 'left' },
  { heading: 'why not', align: 'left' },
];

function formatTarget({
  target,
  schemes,
}: {
  readonly target: Target;
  readonly schemes: readonly SchemeSupport[];
}): string {
  const rows = schemes.map(({ scheme, dtype, supported, reason, nearest }) => [
    scheme,
    dtype,
    supported ? 'yes' : 'no',
    supported ? '' : `${reason ?? ''}${nearest === undefined ? '' : `; nearest: ${nearest}`}`,
  ]);
  return [...describeTarget(target), '', formatTable(columns, rows)].join('\n');
}

function describeTarget(target: Target): readonly string[] {
  switch (target.dialect) {
    case 'cuda': {
      const { id, virtualArch, realArch, gpu, limits, mma } = target;
      return [
        `${id}: ${virtualArch}, assembled for ${realArch}`,
        `  reference GPU  ${gpu.name}, ${gpu.smCount} SMs at ${gpu.clockMHz} MHz, ${gpu.dramGBps} GB/s`,
        `  shared memory  ${limits.sharedBytesPerBlock} bytes a CTA, ${limits.sharedBytesPerSm} an SM`,
        `  instructions   ${mma.map(({ name }) => name).join(', ')}`,
      ];
    }
    case 'wgsl': {
      const { id, gpu, limits } = target;
      return [
        `${id}: WGSL, for any adapter with the default limits`,
        `  reference GPU  ${gpu.name}, ${gpu.coreCount} cores at ${gpu.clockMHz} MHz, ${gpu.dramGBps} GB/s`,
        `  a workgroup    ${limits.invocationsPerWorkgroup} invocations, ${limits.workgroupStorageBytes} bytes of memory`,
        '  instructions   dot4I8Packed',
      ];
    }
  }
}
