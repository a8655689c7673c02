import type { Overrides } from '../frontend/layer-rule.ts';
import type { LoadRequest } from '../load-graph.ts';
import { dumpGraphs } from './dump-graphs.ts';

/** Options of commands that read a model, as the command line gives them. */
export interface ModelOptions {
  readonly scheme?: string;
  readonly outliers?: string;
  readonly layer?: readonly string[];
  readonly columns?: string;
  readonly dump?: string;
}

const columnModes = ['compact', 'in-place'] as const;

/** What to load, as all these options ask. */
export function toLoadRequest(file: string, options: ModelOptions): LoadRequest {
  const columns = columnModes.find((mode) => mode === options.columns);
  return {
    file,
    overrides: toOverrides(options),
    ...(columns === undefined ? {} : { columns }),
    ...dumpGraphs(options.dump),
  };
}

/** What the options change in the model, as typed: the frontend reports what it does not understand. */
function toOverrides(options: ModelOptions): Overrides {
  const { scheme, outliers, layer = [] } = options;
  return {
    layers: layer,
    ...(scheme === undefined ? {} : { scheme }),
    ...(outliers === undefined ? {} : { outliers }),
  };
}
