import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../../support/result.ts';
import type { StoredTensor } from '../stored-tensor.ts';
import { safetensorsFormats } from '../tensor-format.ts';
import type { CodedLinear, LinearParts } from './linear-parts.ts';
import type { GptqQuantisation, GptqVersion, Quantisation } from './quantisation.ts';
import { readAwq } from './read-awq.ts';
import { readCompressed } from './read-compressed.ts';
import { type GptqLinear, readGptq } from './read-gptq.ts';
import { dequantiseBytes } from './stored-codes.ts';
import { tellGptqVersion } from './tell-gptq-version.ts';

type Tensors = ReadonlyMap<string, StoredTensor>;
type Faults = readonly Diagnostic[];

/** Tensors of a quantised checkpoint as those of one that is not: `X.weight` in place of the codes of X. */
export interface OpenedQuantised {
  readonly tensors: Tensors;
  /** Linears whose weights are codes, by name. */
  readonly linears: ReadonlyMap<string, CodedLinear>;
  readonly warnings: Faults;
}

const partsOf: Readonly<Record<Quantisation['method'], readonly string[]>> = {
  gptq: ['qweight', 'qzeros', 'scales', 'g_idx'],
  awq: ['qweight', 'qzeros', 'scales'],
  'compressed-tensors': [
    ...['weight', 'weight_packed', 'weight_shape', 'weight_scale', 'weight_zero_point', 'weight_g_idx'],
    // Of activations, which quikc quantises in its own way.
    ...['input_scale', 'input_zero_point', 'input_g_idx', 'output_scale', 'output_zero_point'],
  ],
};

/** Whether tensors are such as a quantised checkpoint has. */
export function hasCodes(tensors: Tensors): boolean {
  return [...tensors.keys()].some((name) => /\.(?:qweight|weight_packed|weight_scale)$/.test(name));
}

/**
 * Which linears are quantised, the tensors tell, whatever lists of exceptions the config has. Values are read on demand: here only headers,
 * `weight_shape` of compressed-tensors, and of GPTQ what tells its version, from its smallest linear. Faults: QK150 unreadable, QK157 a
 * tensor is missing, QK197 one does not fit; QK198 is a warning.
 */
export function openQuantised(tensors: Tensors, quantisation: Quantisation): Result<OpenedQuantised, Faults> {
  const names = linearNames(tensors, quantisation.method);
  const parts = names.map((name) => partsFor(tensors, name));
  const opened = openAll(parts, quantisation);
  if (!opened.ok) return opened;
  const linears = new Map(
    names.flatMap((name, index) => {
      const linear = opened.value.linears[index];
      return linear === undefined ? [] : [[name, linear] as const];
    }),
  );
  const used = new Set(
    names.flatMap((name) => partsOf[quantisation.method].map((part) => `${name}.${part}`)),
  );
  const result = new Map([...tensors].filter(([name]) => !used.has(name)));
  for (const { name, file } of parts) {
    const linear = linears.get(name);
    if (linear !== undefined) result.set(`${name}.weight`, toTensor(`${name}.weight`, file, linear));
  }
  return succeed({ tensors: result, linears, warnings: opened.value.warnings });
}

function linearNames(tensors: Tensors, method: Quantisation['method']): readonly string[] {
  const ends = method === 'compressed-tensors' ? ['.weight_packed', '.weight_scale'] : ['.qweight'];
  const names = [...tensors.keys()].flatMap((name) =>
    ends.filter((end) => name.endsWith(end)).map((end) => name.slice(0, -end.length)),
  );
  // A float weight with a scale beside it is one that was saved before it was compressed.
  const coded = (name: string) =>
    method !== 'compressed-tensors' ||
    tensors.has(`${name}.weight_packed`) ||
    !['F16', 'BF16', 'F32'].includes(tensors.get(`${name}.weight`)?.format.name ?? '');
  return [...new Set(names)].filter(coded);
}

function partsFor(tensors: Tensors, name: string): LinearParts {
  const tensor = (part: string) => tensors.get(`${name}.${part}`);
  const first = tensor('qweight') ?? tensor('weight_packed') ?? tensor('weight_scale');
  return { name, file: first?.source.file ?? '', tensor };
}

interface Opened {
  readonly linears: readonly CodedLinear[];
  readonly warnings: Faults;
}

function openAll(parts: readonly LinearParts[], quantisation: Quantisation): Result<Opened, Faults> {
  switch (quantisation.method) {
    case 'gptq':
      return openGptq(parts, quantisation);
    case 'awq':
      return withoutWarnings(collect(parts.map((part) => readAwq(part, quantisation))));
    case 'compressed-tensors':
      return withoutWarnings(collect(parts.map((part) => readCompressed(part, quantisation))));
  }
}

/** Faults that are worth telling: linears of a model are alike. */
const mostFaults = 10;

function collect<T>(results: readonly Result<T, Diagnostic>[]): Result<readonly T[], Faults> {
  const faults = results.flatMap((result) => (result.ok ? [] : [result.error]));
  if (faults.length > 0) return fail(faults.slice(0, mostFaults));
  return succeed(results.flatMap((result) => (result.ok ? [result.value] : [])));
}

function withoutWarnings(linears: Result<readonly CodedLinear[], Faults>): Result<Opened, Faults> {
  return linears.ok ? succeed({ linears: linears.value, warnings: [] }) : linears;
}

function openGptq(parts: readonly LinearParts[], config: GptqQuantisation): Result<Opened, Faults> {
  const read = collect(parts.map((part) => readGptq(part, config)));
  if (!read.ok) return read;
  const smallest = read.value.toSorted((a, b) => a.n * a.k - b.n * b.k)[0];
  const told = smallest === undefined ? succeed(undefined) : tellGptqVersion(smallest);
  if (!told.ok) return fail([told.error]);
  // Before there was the field, there was version 1 alone.
  const version = told.value ?? config.version ?? 1;
  const contradicted = smallest !== undefined && config.version !== undefined && config.version !== version;
  return succeed({
    linears: read.value.map((linear) => linear.as(version)),
    warnings: contradicted ? [warnOf(smallest, version)] : [],
  });
}

function warnOf({ file }: GptqLinear, version: GptqVersion): Diagnostic {
  const [stored, said] = version === 2 ? ['gptq_v2', 'gptq'] : ['gptq', 'gptq_v2'];
  return diagnose('QK198', {
    file,
    message: `zero points are stored as "${stored}" has them, not as "${said}" does`,
  });
}

/** A tensor whose bytes are computed when they are asked for. */
function toTensor(name: string, file: string, { n, k, dtype, read }: CodedLinear): StoredTensor {
  const format = safetensorsFormats.get(dtype) ?? { name: dtype, elements: 1, bytes: 4 };
  const size = n * k * format.bytes;
  return {
    ...{ name, format, shape: [n, k], offset: 0, bytes: size },
    source: {
      ...{ file, size, computed: true },
      read(offset, length) {
        const stored = read();
        return stored.ok ? succeed(dequantiseBytes(stored.value).subarray(offset, offset + length)) : stored;
      },
    },
  };
}
