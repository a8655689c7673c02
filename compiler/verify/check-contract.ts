import type { CudaContract, WgslContract } from '../../ir/call-contract.ts';
import type { SpecOf } from '../../ir/kernel-spec.ts';
import type { ManifestKernel } from '../../ir/manifest.ts';
import { findTarget } from '../../targets/index.ts';
import { familiesOf } from '../families/index.ts';
import { canonicalJson } from '../support/hash.ts';

const fields = ['arguments', 'launch', 'dispatches', 'tokensAtOnce', 'workspace'] as const;

/** Why a kernel cannot be verified by this quikc, and which field of its entry in the manifest says so. */
export interface ContractFault {
  readonly field: 'spec' | (typeof fields)[number];
  readonly message: string;
}

/**
 * The oracle and the choice of CTAs belong to a spec that quikc can have made, launched as that spec is. Whatever
 * else a manifest says is refused here: beyond it, a wrong size would be quikc's own broken invariant. Sentences for
 * people may differ, since versions of quikc word them differently.
 */
export function checkContract({ spec, ...stated }: ManifestKernel): ContractFault | undefined {
  const { problem, schedule } = spec as SpecOf<'linear'>;
  const target = findTarget(problem.target);
  if (target === undefined) return { field: 'spec', message: `there are no kernels for ${problem.target}` };
  const family = familiesOf(target.dialect)[spec.family];
  const support = family.supports(problem, target);
  if (!support.supported) return { field: 'spec', message: support.reason };
  const wanted = canonicalJson(schedule);
  if (![...family.enumerate(problem, target)].some((legal) => canonicalJson(legal) === wanted))
    return { field: 'spec', message: 'this quikc has no such schedule' };
  const expected = family.contract(spec);
  const field = fields.find((name) => comparable(stated, name) !== comparable(expected, name));
  return field && { field, message: 'not what this quikc gives a kernel of this spec' };
}

function comparable(contract: Partial<CudaContract & WgslContract>, field: (typeof fields)[number]): string {
  const texts = new Set(['meaning', 'sharing']);
  return JSON.stringify(contract[field], (key, value: unknown) => {
    if (texts.has(key)) return undefined;
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  });
}
