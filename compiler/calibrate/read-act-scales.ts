import type { SafetensorsHeader } from '../checkpoint/read-safetensors.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { FoundStatistics } from './found-statistics.ts';
import type { LinearGroup, ModelLayer } from './list-layers.ts';
import type { StatisticsOfFile } from './read-own-statistics.ts';
import { readMaxima } from './read-statistic.ts';

const mostFaults = 10;
const withoutFirst = '.skip_first';

/**
 * Of a file of activation scales, as SmoothQuant's and QUIK's scripts make them: max |x| [K] by the linear's name in
 * transformers, and under `NAME.skip_first` the same without the first token of each window, where the file has that.
 */
export function readActScales(
  file: string,
  { tensors }: SafetensorsHeader,
  layers: readonly ModelLayer[],
): Result<StatisticsOfFile, readonly Diagnostic[]> {
  const names = nameInTransformers(layers);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const faults: Diagnostic[] = [];
  const found = new Map<string, FoundStatistics>();
  for (const tensor of tensors) {
    if (faults.length >= mostFaults) break;
    if (tensor.name.endsWith(withoutFirst) && byName.has(tensor.name.slice(0, -withoutFirst.length)))
      continue;
    const linears = findLinears(tensor.name, names);
    const [first] = linears;
    if (first === undefined) {
      const message = `${quoteText(tensor.name)} is no linear of the model`;
      const code = found.size === 0 && faults.length === 0 && tensor.shape.length !== 1 ? 'QK175' : 'QK176';
      faults.push(diagnose(code, { file, message }));
      continue;
    }
    const statistics = readScales(tensor, byName.get(`${tensor.name}${withoutFirst}`), first.k);
    if (!statistics.ok) faults.push(statistics.error);
    else for (const { name } of linears) found.set(name, { source: name, statistics: statistics.value });
  }
  if (tensors.length === 0) faults.push(diagnose('QK175', { file, message: 'the file has no tensors' }));
  return faults.length > 0 ? fail(faults) : succeed({ tokens: 0, window: 0, found });
}

interface NamedLinear {
  readonly name: string;
  readonly k: LinearGroup['k'];
}

function readScales(all: StoredTensor, rest: StoredTensor | undefined, k: number) {
  const absMax = readMaxima(all, k);
  const absMaxRest = rest === undefined ? absMax : readMaxima(rest, k);
  if (!absMax.ok) return absMax;
  return absMaxRest.ok ? succeed({ absMax: absMax.value, absMaxRest: absMaxRest.value }) : absMaxRest;
}

/** Linears by their own name, and by their tensor's without `.weight`: Falcon's q, k and v are one linear there. */
function nameInTransformers(layers: readonly ModelLayer[]): ReadonlyMap<string, readonly NamedLinear[]> {
  const names = new Map<string, NamedLinear[]>();
  for (const { groups, index } of layers) {
    for (const { k, linears } of groups) {
      for (const { name, node } of linears) {
        const tensors = node.parts.flatMap(({ weight, sharedWith }) =>
          weight === undefined || sharedWith !== undefined
            ? []
            : [weight.tensor.replaceAll('{layer}', `${index}`).replace(/\.weight$/, '')],
        );
        for (const key of new Set([name, ...tensors]))
          names.set(key, [...(names.get(key) ?? []), { name, k }]);
      }
    }
  }
  return names;
}

/** transformers puts `model.` or the like before a layer's name: what comes before it is left out, part by part. */
function findLinears(
  name: string,
  names: ReadonlyMap<string, readonly NamedLinear[]>,
): readonly NamedLinear[] {
  const segments = name.split('.');
  for (let from = 0; from < segments.length; from++) {
    const linears = names.get(segments.slice(from).join('.'));
    if (linears !== undefined) return linears;
  }
  return [];
}
