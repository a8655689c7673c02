import { listLayers } from '../../../compiler/calibrate/list-layers.ts';
import type { Diagnostic } from '../../../compiler/diagnostics/diagnostic.ts';
import type { ReadWeight } from '../../../compiler/reference/float-model/float-model.ts';
import { random32, streamKey } from '../../../compiler/reference/random.ts';
import type { Graph } from '../../../ir/graph.ts';
import { importGraph, smallLlama } from '../load-fixture.ts';

/** LLaMA with three small layers, whose weights are called as Hugging Face has them. */
export function smallModel(facts: object = {}): Graph {
  return importGraph(smallLlama({ weights: { files: ['w'] } }, { layers: 3, slidingWindow: 5, ...facts }));
}

const sizes: Readonly<Record<string, number>> = {
  embed_tokens: 64 * 128,
  lm_head: 64 * 128,
  q_proj: 128 * 128,
  k_proj: 64 * 128,
  v_proj: 64 * 128,
  o_proj: 128 * 128,
  gate_proj: 256 * 128,
  up_proj: 256 * 128,
  down_proj: 256 * 128,
};

const made = new Map<string, Float32Array>();

/** Weights that depend on a tensor's name alone. */
export const readNoise: ReadWeight<Diagnostic> = ({ tensor }, layer) => {
  const name = `${tensor} ${layer}`;
  const known = made.get(name);
  if (known !== undefined) return { ok: true, value: known };
  const key = streamKey(
    5,
    [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_521, 7),
  );
  const leaf = /([a-z_]+)\.weight$/.exec(tensor)?.[1] ?? '';
  const length = sizes[leaf] ?? 128;
  const value = Float32Array.from({ length }, (_, index) => (random32(key, index) / 2 ** 31 - 1) / 8);
  made.set(name, value);
  return { ok: true, value };
};

export const layerNames = (graph: Graph): readonly string[] =>
  listLayers(graph).flatMap(({ groups }) => groups.flatMap(({ linears }) => linears.map(({ name }) => name)));
