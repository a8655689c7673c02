import type { Overrides } from '../frontend/layer-rule.ts';

/** Options of commands that read a model, as the command line gives them. */
export interface ModelOptions {
  readonly scheme?: string;
  readonly outliers?: string;
  readonly layer?: readonly string[];
  readonly columns?: string;
  readonly dump?: string;
}

/** What the options change in the model, as typed: the frontend reports what it does not understand. */
export function toOverrides(options: ModelOptions): Overrides {
  const { scheme, outliers, layer = [] } = options;
  return {
    layers: layer,
    ...(scheme === undefined ? {} : { scheme }),
    ...(outliers === undefined ? {} : { outliers }),
  };
}
