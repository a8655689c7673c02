import type { SafetensorsHeader } from '../checkpoint/read-safetensors.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic, DiagnosticCode } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { suggestName } from '../diagnostics/suggest-name.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { FoundStatistics } from './found-statistics.ts';
import type { LinearGroup } from './list-layers.ts';
import { readMaxima } from './read-statistic.ts';

export interface StatisticsOfFile {
  readonly tokens: number;
  readonly window: number;
  readonly found: ReadonlyMap<string, FoundStatistics>;
}

/** Faults that are worth telling: a file of another model differs in every layer. */
const mostFaults = 10;

/** Of a file in quikc's own format; gram matrices stay where they are. */
export function readOwnStatistics(
  file: string,
  { metadata, tensors }: SafetensorsHeader,
  groups: readonly LinearGroup[],
): Result<StatisticsOfFile, readonly Diagnostic[]> {
  const faults: Diagnostic[] = [];
  const refuse = (code: DiagnosticCode, message: string, hint?: string) => {
    faults.push(diagnose(code, { file, message, ...(hint === undefined ? {} : { hint }) }));
  };
  const [tokens, window] = ['tokens', 'window'].map((key) => {
    const text = metadata.get(key) ?? '';
    if (!/^\d{1,15}$/.test(text))
      refuse('QK175', `"${key}" of the metadata is no number: ${quoteText(text)}`);
    return Number(text);
  });
  const groupOf = new Map(groups.flatMap((group) => group.linears.map(({ name }) => [name, group] as const)));
  const parts = new Map<string, Map<string, StoredTensor>>();
  for (const tensor of tensors) {
    const [, layer, part] = /^(.+)\.(absmax|absmax_rest|gram)$/s.exec(tensor.name) ?? [];
    if (layer === undefined || part === undefined)
      refuse('QK175', `${quoteText(tensor.name)} is no statistic of a linear`);
    else parts.set(layer, (parts.get(layer) ?? new Map<string, StoredTensor>()).set(part, tensor));
  }
  const found = new Map<string, FoundStatistics>();
  for (const [layer, of] of parts) {
    if (faults.length >= mostFaults) break;
    const group = groupOf.get(layer);
    if (group === undefined) {
      refuse(
        'QK176',
        `the model has no linear ${quoteText(layer)}`,
        suggestLayer(layer, [...groupOf.keys()]),
      );
      continue;
    }
    const [all, rest] = [of.get('absmax'), of.get('absmax_rest')];
    if (all === undefined || rest === undefined) {
      refuse('QK175', `of ${quoteText(layer)} there is no ${all === undefined ? 'absmax' : 'absmax_rest'}`);
      continue;
    }
    const [absMax, absMaxRest] = [readMaxima(all, group.k), readMaxima(rest, group.k)];
    if (!absMax.ok || !absMaxRest.ok) {
      faults.push(...[absMax, absMaxRest].flatMap((read) => (read.ok ? [] : [read.error])));
      continue;
    }
    const above = absMaxRest.value.findIndex((value, column) => value > (absMax.value[column] ?? 0));
    if (above >= 0)
      refuse('QK177', `${quoteText(layer)}: without first tokens, column ${above} is larger than with them`);
    found.set(layer, {
      source: layer,
      statistics: { absMax: absMax.value, absMaxRest: absMaxRest.value },
    });
  }
  const shares = readShares(metadata.get('shares'));
  if (shares === undefined) refuse('QK175', '"shares" of the metadata is no object of texts');
  for (const [name, first] of shares ?? []) {
    const entry = found.get(first);
    if (parts.has(name) || !parts.has(first))
      refuse('QK175', `${quoteText(name)} is said to share what ${quoteText(first)} has`);
    else if (groupOf.get(name) === undefined || groupOf.get(name) !== groupOf.get(first))
      refuse('QK176', `${quoteText(name)} and ${quoteText(first)} do not read the same value`);
    else if (entry !== undefined) found.set(name, entry);
  }
  if (faults.length > 0) return fail(faults.slice(0, mostFaults));
  return succeed({ tokens: tokens ?? 0, window: window ?? 0, found });
}

/** From a linear to the one whose tensors are its own too. */
function readShares(text = '{}'): ReadonlyMap<string, string> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
    const entries = Object.entries(value);
    const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    return texts.length === entries.length ? new Map(texts) : undefined;
  } catch {
    return undefined;
  }
}

function suggestLayer(name: string, known: readonly string[]): string {
  const near = suggestName(name, known);
  return near === undefined
    ? `its linears are called ${known.slice(0, 3).join(', ')}, …`
    : `its nearest is ${near}`;
}
