import type { TuningRecord } from '../../ir/tuning-record.ts';
import { hashValue } from '../support/hash.ts';

/** What two records must have in common to be of the same thing: their trials may then be put together. */
export type RecordKey = Pick<
  TuningRecord,
  'target' | 'problem' | 'tokens' | 'device' | 'toolchain' | 'policy' | 'provenance'
>;

/**
 * Where a record lies below the root of records, e.g. `webgpu/llvmpipe-1f2e3d4c/linear-0123456789ab-m17-89abcdef.json`:
 * equal keys have equal paths, and names of devices stay readable.
 */
export function recordPath(key: RecordKey): string {
  const { target, problem, tokens, device, toolchain, policy, provenance } = key;
  const { kind, name, driver, smCount } = device;
  const slug = name.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  const machine = `${slug.slice(0, 40) || 'device'}-${short({ kind, name, driver, smCount })}`;
  const { identity } = toolchain;
  const { templatesDigest } = provenance;
  const conditions = short({ identity, policy, templatesDigest, at: tokens.at, to: tokens.to });
  return `${target}/${machine}/${problem.family}-${problem.hash.slice(0, 12)}-m${tokens.from}-${conditions}.json`;
}

function short(value: unknown): string {
  return hashValue(value).slice(0, 8);
}
