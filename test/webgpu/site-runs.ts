import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { wgslCover as linearCover } from '../../compiler/families/linear/wgsl/cover.ts';
import { wgslCover as quantizeCover } from '../../compiler/families/quantize/wgsl/cover.ts';
import { chainBuffers } from '../../compiler/verify/chain-buffers.ts';
import { makeChainData } from '../../compiler/verify/chain-data.ts';
import { compareChain } from '../../compiler/verify/compare-chain.ts';
import type { SpecOf } from '../../ir/kernel-spec.ts';
import type { Manifest, ManifestKernel } from '../../ir/manifest.ts';

/** A site of a bundle on data with an oracle: what a program is given, and how what it returns is judged. */
export interface SiteRun {
  readonly site: string;
  readonly linear: string;
  readonly layer: string;
  readonly M: number;
  readonly inputs: Readonly<Record<string, Uint8Array>>;
  readonly packed: Readonly<Record<string, Uint8Array>>;
  judge(outputs: Readonly<Record<string, Uint8Array>>): { elements: number; failures: number; worst: number };
}

export function makeSiteRun(manifest: Manifest, site: string, tokens: number, variant = 'base'): SiteRun {
  const { buckets } = manifest.sites.find(({ id }) => id === site)!;
  const bucket = buckets
    .filter((candidate) => candidate.variant === variant)
    .find(({ from, to = Number.POSITIVE_INFINITY }) => from <= tokens && tokens <= to)!;
  const [first, second] = bucket.launches.map(
    ({ kernel }) => manifest.kernels.find(({ id }) => id === kernel)!,
  ) as [ManifestKernel, ManifestKernel];
  const quantize = first.spec as SpecOf<'quantize', 'wgsl'>;
  const linear = second.spec as SpecOf<'linear', 'wgsl'>;
  const layer = manifest.layers.find((candidate) => candidate.site === site)!;
  const data = makeChainData(quantize.problem, linear.problem, 1);
  const call = { tokens, quantize: { contract: first }, linear: { contract: second, spec: linear } };
  const whole = { n0: 0, n1: linear.problem.n, m0: 0, m1: tokens };
  const filled = chainBuffers(call, data, whole).flatMap(({ name, bytes, data: given, fill, access }) => {
    if (access !== 'input') return [];
    const content = new Uint8Array(bytes);
    if (given === undefined) fill?.(0, content);
    else content.set(given);
    return [[name, content] as const];
  });
  const isPacked = (name: string) => layer.arguments.some(({ argument }) => argument === name);
  const roundings = { quantize: quantizeCover(quantize).roundings, linear: linearCover(linear).roundings };
  return {
    ...{ site, linear: /[^./]+$/.exec(layer.id)![0], layer: layer.id, M: tokens },
    inputs: Object.fromEntries(filled.filter(([name]) => !isPacked(name))),
    packed: Object.fromEntries(filled.filter(([name]) => isPacked(name))),
    judge: (outputs) =>
      compareChain(
        { quantize: quantize.problem, linear: linear.problem, roundings },
        data,
        whole,
        (name, offset, length) => outputs[name]!.slice(offset, offset + length),
      ),
  };
}

/** The runs as files that consumer/main.mjs reads, and the outputs that it wrote. */
export function writeRuns(folder: string, runs: readonly SiteRun[]): void {
  mkdirSync(folder, { recursive: true });
  const job = runs.map(({ site, linear, layer, M, inputs, packed }, index) => {
    for (const [name, bytes] of Object.entries({ ...inputs, ...packed }))
      writeFileSync(join(folder, `${index}-${name}`), bytes);
    return { site, linear, layer, M, inputs: Object.keys(inputs), packed: Object.keys(packed) };
  });
  writeFileSync(join(folder, 'job.json'), JSON.stringify(job));
}

export function readOutputs(folder: string, index: number): Readonly<Record<string, Uint8Array>> {
  return Object.fromEntries(
    ['codes', 'row_meta', 'y'].map((name) => [
      name,
      new Uint8Array(readFileSync(join(folder, `${index}-${name}`))),
    ]),
  );
}
