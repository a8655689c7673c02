import { readFileSync } from 'node:fs';
import { openQuantised } from '../../../../compiler/checkpoint/quantised/open-quantised.ts';
import type { Quantisation } from '../../../../compiler/checkpoint/quantised/quantisation.ts';
import { readSafetensorsHeader } from '../../../../compiler/checkpoint/read-safetensors.ts';
import type { StoredTensor } from '../../../../compiler/checkpoint/stored-tensor.ts';
import { FieldReader } from '../../../../compiler/frontend/checkpoint/field-reader.ts';
import { readQuantisation } from '../../../../compiler/frontend/checkpoint/read-quantisation.ts';
import { memorySource } from '../memory-source.ts';

export type Config = Readonly<Record<string, unknown>>;

/** A linear as a library packed it: its tensors by name, all of the linear `x`, and what the library makes of them. */
export interface FixtureCase {
  readonly config: Config;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly expected: StoredTensor;
}

/** By name, of make-quantised.py. */
export function readFixture(): ReadonlyMap<string, FixtureCase> {
  const bytes = readFileSync('test/fixtures/checkpoints/quantised/linears.safetensors');
  const header = readSafetensorsHeader(memorySource(bytes, 'linears.safetensors'));
  if (!header.ok) throw new Error(JSON.stringify(header.error));
  const { tensors, metadata } = header.value;
  const configs = JSON.parse(metadata.get('cases') ?? '') as Readonly<Record<string, Config>>;
  return new Map(
    Object.entries(configs).map(([name, config]) => {
      const mine = tensors.filter((tensor) => tensor.name.startsWith(`${name}.`));
      const byPart = new Map(mine.map((tensor) => [tensor.name.slice(name.length + 1), tensor]));
      const expected = byPart.get('expected');
      if (expected === undefined) throw new Error(`${name} has no values`);
      byPart.delete('expected');
      const parts = [...byPart].map(
        ([part, tensor]) => [`x.${part}`, { ...tensor, name: `x.${part}` }] as const,
      );
      return [name, { config, tensors: new Map(parts), expected }];
    }),
  );
}

export function toQuantisation(config: Config): Quantisation {
  const reader = new FieldReader(config, 'config.json');
  const quantisation = readQuantisation(reader, 'gptq');
  if (quantisation === undefined || reader.faults.length > 0) throw new Error(JSON.stringify(reader.faults));
  return quantisation;
}

export function openCase({ tensors }: FixtureCase, config: Config) {
  return openQuantised(tensors, toQuantisation(config));
}
