/** How the weights of a checkpoint are quantised, as its config says. */
export type Quantisation = GptqQuantisation | AwqQuantisation | CompressedQuantisation;

/** Which zero points a GPTQ checkpoint stores: 1 is the zero point less one, 2 the zero point itself. */
export type GptqVersion = 1 | 2;

export interface GptqQuantisation {
  readonly method: 'gptq';
  /** Undefined where single linears may have other bits and groups ("dynamic"): their tensors tell. */
  readonly uniform?: { readonly bits: number; readonly groupSize: number | undefined };
  /** As "checkpoint_format" has it, where it is there. */
  readonly version?: GptqVersion;
}

export interface AwqQuantisation {
  readonly method: 'awq';
  readonly bits: number;
  /** Undefined where a group is a whole row. */
  readonly groupSize: number | undefined;
}

export interface CompressedQuantisation {
  readonly method: 'compressed-tensors';
  /** Of the groups of the config. Which of them a linear is in, its tensors tell: those that fit two mean the same. */
  readonly schemes: readonly CompressedScheme[];
}

export interface CompressedScheme {
  /** In int32 words, or each in a byte of its own. */
  readonly packed: boolean;
  readonly bits: number;
  readonly symmetric: boolean;
  readonly strategy: 'tensor' | 'channel' | 'group';
  /** Of the strategy group. */
  readonly groupSize?: number;
}
