import type {
  AwqQuantisation,
  CompressedQuantisation,
  CompressedScheme,
  GptqQuantisation,
  Quantisation,
} from '../../checkpoint/quantised/quantisation.ts';
import { gptqBits } from '../../checkpoint/quantised/read-gptq.ts';
import { quoteText } from '../../diagnostics/escape-text.ts';
import type { FieldReader } from './field-reader.ts';

/**
 * A quantization_config, or quantize_config.json as auto-gptq wrote it (`unnamed` is the method of one that names none). Faults, in the
 * reader: QK161 a field is wrong, QK163 a method or a form of one that is not read.
 */
export function readQuantisation(config: FieldReader, unnamed?: 'gptq'): Quantisation | undefined {
  const method = config.text('quant_method') ?? unnamed;
  switch (method) {
    case 'gptq':
      return readGptqConfig(config);
    case 'awq':
      return readAwqConfig(config);
    case 'compressed-tensors':
      return readCompressedConfig(config);
    default:
      config.refuseQuantised(
        'quant_method',
        `quantised by ${quoteText(method ?? 'some method')}`,
        '"gptq", "awq" or "compressed-tensors"',
      );
      return undefined;
  }
}

/** Fields as auto-gptq 0.7.1 and gptqmodel 7.7.0 write them. */
function readGptqConfig(config: FieldReader): GptqQuantisation | undefined {
  if (config.flag('is_marlin_format') === true) {
    config.refuseQuantised('is_marlin_format', 'GPTQ in the layout of Marlin', '"gptq" or "gptq_v2"');
    return undefined;
  }
  const key = config.has('checkpoint_format') ? 'checkpoint_format' : 'format';
  const format = config.text(key);
  if (format !== undefined && format !== 'gptq' && format !== 'gptq_v2') {
    config.refuseQuantised(key, `GPTQ in the format ${quoteText(format)}`, '"gptq" or "gptq_v2"');
    return undefined;
  }
  const bits = readBits(config, 'bits', gptqBits);
  const groupSize = config.groupSize('group_size');
  const { length: overrides = 0 } = config.within('dynamic')?.keys() ?? [];
  if (bits === undefined) return undefined;
  return {
    method: 'gptq',
    ...(overrides > 0 ? {} : { uniform: { bits, groupSize } }),
    ...(format === undefined ? {} : { version: format === 'gptq' ? 1 : 2 }),
  };
}

/** Fields as autoawq 0.2.9 writes them, under its own names or those of transformers. */
function readAwqConfig(config: FieldReader): AwqQuantisation | undefined {
  const version = config.text('version')?.toLowerCase() ?? 'gemm';
  if (version !== 'gemm') {
    config.refuseQuantised('version', `AWQ in the version ${quoteText(version)}`, '"gemm"');
    return undefined;
  }
  const bits = readBits(config, config.has('w_bit') ? 'w_bit' : 'bits', [4]);
  const groupSize = config.groupSize(config.has('q_group_size') ? 'q_group_size' : 'group_size');
  return bits === undefined ? undefined : { method: 'awq', bits, groupSize };
}

function readBits(config: FieldReader, key: string, read: readonly number[]): number | undefined {
  const bits = config.neededSize(key);
  if (config.faults.length > 0 || read.includes(bits)) return bits;
  config.refuseQuantised(key, `codes of ${bits} bits`, `${read.join(', ')} bits`);
  return undefined;
}

const formats = ['pack-quantized', 'int-quantized', 'naive-quantized'] as const;
const strategies = ['tensor', 'channel', 'group'] as const;

/** Fields as compressed-tensors 0.20.0 has them. */
function readCompressedConfig(config: FieldReader): CompressedQuantisation | undefined {
  const sparsity = config.within('sparsity_config')?.text('format') ?? 'dense';
  if (sparsity !== 'dense')
    config.refuseQuantised('sparsity_config', `sparse, in the format ${quoteText(sparsity)}`, '"dense"');
  const groups = config.within('config_groups');
  const schemes = (groups?.keys() ?? []).flatMap((key) => {
    const group = groups?.within(key);
    const weights = group?.within('weights');
    if (group === undefined || weights === undefined) return [];
    const named = group.has('format') && group.text('format') !== undefined ? group : config;
    return [readScheme(weights, named)].filter((scheme) => scheme !== undefined);
  });
  return config.faults.length > 0 ? undefined : { method: 'compressed-tensors', schemes };
}

function readScheme(weights: FieldReader, named: FieldReader): CompressedScheme | undefined {
  const format = named.text('format') ?? 'some format';
  const type = weights.text('type') ?? 'int';
  if (!formats.some((known) => known === format) || type !== 'int') {
    const expected = `${formats.map((known) => quoteText(known)).join(', ')} of integers`;
    named.refuseQuantised(
      'format',
      `compressed-tensors in the format ${quoteText(format)} of type ${quoteText(type)}`,
      expected,
    );
    return undefined;
  }
  const packed = format === 'pack-quantized';
  const bits = readBits(weights, 'num_bits', packed ? [2, 3, 4, 5, 6, 7, 8] : [1, 2, 3, 4, 5, 6, 7, 8]);
  const strategy = strategyOf(weights);
  if (bits === undefined || strategy === undefined) return undefined;
  const groupSize = strategy === 'group' ? weights.neededSize('group_size') : undefined;
  const symmetric = weights.flag('symmetric') ?? true;
  return { packed, bits, symmetric, strategy, ...(groupSize === undefined ? {} : { groupSize }) };
}

function strategyOf(weights: FieldReader): CompressedScheme['strategy'] | undefined {
  const given = weights.text('strategy') ?? 'some strategy';
  const strategy = strategies.find((known) => known === given);
  if (strategy !== undefined) return strategy;
  const expected = strategies.map((known) => quoteText(known)).join(', ');
  weights.refuseQuantised('strategy', `codes with scales by ${quoteText(given)}`, expected);
  return undefined;
}
