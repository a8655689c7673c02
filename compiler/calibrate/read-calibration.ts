import type { Graph } from '../../ir/graph.ts';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { readSafetensorsHeader } from '../checkpoint/read-safetensors.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Calibration, LinearStatistics } from '../reference/calibration.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { calibrationFormat } from './create-calibration-file.ts';
import { reportMissing, spreadOverGroups } from './found-statistics.ts';
import { listLayers } from './list-layers.ts';
import { readActScales } from './read-act-scales.ts';
import { readOwnStatistics } from './read-own-statistics.ts';
import { readGram } from './read-statistic.ts';

type Faults = readonly Diagnostic[];

/** Maxima are read; Xᵀ X, which is large, when it is asked for. */
export interface CalibrationFile extends Calibration {
  readonly file: string;
  /** Where Xᵀ X of the input of a linear is; undefined where the file has none. */
  findGram(name: string): StoredTensor | undefined;
  /** Xᵀ X [K, K] of the input of a linear, in `memory` if that is given; undefined where the file has none. QK175 to QK177, QK150. */
  gramOf(name: string, memory?: () => Float64Array): Result<Float64Array | undefined, Diagnostic>;
}

/**
 * Calibration statistics for the model of `graph`, of a file that quikc calibrate or calibrate_transformers.py has written, or
 * of SmoothQuant's activation scales as safetensors. Faults: QK150 to QK158 the file, QK175 it is none, QK176 not of this
 * model or without a linear that is to be quantised, QK177 values that no model gives.
 */
export function readCalibration(file: string, graph: Graph): Result<CalibrationFile, Faults> {
  const source = openByteSource(file);
  if (!source.ok) return fail([source.error]);
  const header = readSafetensorsHeader(source.value);
  if (!header.ok) return header;
  const layers = listLayers(graph);
  const groups = layers.flatMap((layer) => layer.groups);
  const isOurs = header.value.metadata.get('format') === calibrationFormat;
  const read = isOurs
    ? readOwnStatistics(file, header.value, groups)
    : readActScales(file, header.value, layers);
  if (!read.ok) return read;
  const { tokens, window, found } = read.value;
  const spread = spreadOverGroups(groups, found);
  const missing = reportMissing(file, groups, spread);
  if (missing.length > 0) return fail(missing);
  const tensors = new Map(header.value.tensors.map((tensor) => [tensor.name, tensor]));
  const findGram = (name: string) => {
    const entry = isOurs ? spread.get(name) : undefined;
    return entry && tensors.get(`${entry.source}.gram`);
  };
  return succeed({
    ...{ file, tokens, window, findGram },
    linears: new Map([...spread].map(([name, { statistics }]) => [name, statistics])),
    gramOf(name, memory) {
      const tensor = findGram(name);
      const k = spread.get(name)?.statistics.absMax.length;
      return tensor === undefined || k === undefined ? succeed(undefined) : readGram(tensor, k, memory);
    },
  });
}

/** The same with Xᵀ X of every linear in memory, where the file has it: for models that are small enough. */
export function loadGrams(calibration: CalibrationFile): Result<Calibration, Diagnostic> {
  const { tokens, window, linears, gramOf } = calibration;
  const loaded = new Map<LinearStatistics, LinearStatistics>();
  for (const [name, statistics] of linears) {
    if (loaded.has(statistics)) continue;
    const gram = gramOf(name);
    if (!gram.ok) return gram;
    loaded.set(statistics, gram.value === undefined ? statistics : { ...statistics, gram: gram.value });
  }
  const whole = [...linears].map(
    ([name, statistics]) => [name, loaded.get(statistics) ?? statistics] as const,
  );
  return succeed({ tokens, window, linears: new Map(whole) });
}
