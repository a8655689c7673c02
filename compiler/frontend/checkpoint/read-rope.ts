import { quoteText } from '../../diagnostics/escape-text.ts';
import type { RopeScalingInput } from '../schema-rope.ts';
import type { FieldReader } from './field-reader.ts';

interface Rope {
  readonly ropeTheta: number;
  readonly ropeScaling?: RopeScalingInput;
  /** Pointer to the field that says how frequencies are made. */
  readonly ropeKey: string;
}

/** rope_theta and rope_scaling, which transformers 5 writes as one object, rope_parameters. */
export function readRope(config: FieldReader): Rope {
  const parameters = config.within('rope_parameters');
  const ropeTheta = parameters?.positive('rope_theta') ?? config.positive('rope_theta') ?? 10_000;
  const scaling = parameters ?? config.within('rope_scaling');
  const ropeKey = config.pointer(parameters === undefined ? 'rope_theta' : 'rope_parameters');
  if (scaling === undefined) return { ropeTheta, ropeKey };
  const typeKey = scaling.has('rope_type') ? 'rope_type' : 'type';
  const type = scaling.text(typeKey) ?? 'default';
  switch (type) {
    case 'default':
      return { ropeTheta, ropeKey };
    case 'linear':
      return {
        ropeTheta,
        ropeKey,
        ropeScaling: { kind: 'linear', factor: scaling.neededPositive('factor') },
      };
    case 'llama3':
      return {
        ropeTheta,
        ropeKey,
        ropeScaling: {
          kind: 'llama3',
          factor: scaling.neededPositive('factor'),
          lowFrequencyFactor: scaling.neededPositive('low_freq_factor'),
          highFrequencyFactor: scaling.neededPositive('high_freq_factor'),
          originalContext: scaling.neededSize('original_max_position_embeddings'),
        },
      };
    case 'yarn':
      return { ropeTheta, ropeKey, ropeScaling: readYarn(config, scaling) };
    default:
      scaling.refuseVariant(typeKey, `rope scaling ${quoteText(type)}`, 'linear, llama3, yarn or none');
      return { ropeTheta, ropeKey };
  }
}

function readYarn(config: FieldReader, scaling: FieldReader): RopeScalingInput {
  if (scaling.flag('truncate') === false) scaling.refuseVariant('truncate', 'a ramp between fractions');
  for (const key of ['mscale', 'mscale_all_dim'])
    if (scaling.positive(key) !== undefined) scaling.refuseVariant(key, 'scales of its own for attention');
  const betaFast = scaling.positive('beta_fast');
  const betaSlow = scaling.positive('beta_slow');
  const attentionFactor = scaling.positive('attention_factor');
  return {
    kind: 'yarn',
    factor: scaling.neededPositive('factor'),
    originalContext:
      scaling.size('original_max_position_embeddings') ?? config.neededSize('max_position_embeddings'),
    ...(betaFast === undefined ? {} : { betaFast }),
    ...(betaSlow === undefined ? {} : { betaSlow }),
    ...(attentionFactor === undefined ? {} : { attentionFactor }),
  };
}
