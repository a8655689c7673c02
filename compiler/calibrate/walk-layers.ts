import type { Graph } from '../../ir/graph.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { evaluateLayer } from '../reference/float-model/evaluate-layer.ts';
import { type Matrix, makeMatrix } from '../reference/float-model/matrix.ts';
import { type MultiplyWeights, multiplyWeights } from '../reference/float-model/multiply-weights.ts';
import { newSession, type ReadWeight } from '../reference/float-model/session.ts';
import { catchNodeFault } from '../reference/float-model/surround-repetition.ts';
import { assert } from '../support/assert.ts';
import type { Result } from '../support/result.ts';
import { succeed } from '../support/result.ts';
import { type ActivationStore, createActivationStore } from './activation-store.ts';
import { keepWeights, keptBytes } from './keep-weights.ts';
import { type LinearGroup, listLayers, type ModelLayer } from './list-layers.ts';
import { neededNodes } from './needed-nodes.ts';
import type { TokenWindows } from './token-windows.ts';

export interface WalkOptions {
  /** As it was imported. */
  readonly graph: Graph;
  readonly tokens: TokenWindows;
  /** Reads a weight and forgets it: the walk keeps those of the layer that it stands before, as far as {@link keptBytes} goes. */
  readonly read: ReadWeight<Diagnostic>;
  readonly multiply?: MultiplyWeights;
  /** Makes a folder for what does not fit `limit`: the walk leaves two files in it. */
  readonly folder: () => string;
  /** Bytes of activations beyond which they go to a file; 4 GiB unless given. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** What is done where all windows pass through a layer. */
export interface LayerVisit {
  /** Weights in place of the model's, e.g. quantised ones. */
  readonly read?: ReadWeight<Diagnostic>;
  /** Sees the rows [window, K] that linears read: each window once a group. Not to be changed. */
  readonly observe?: (group: LinearGroup, rows: Matrix, window: number) => void;
  /** Sees what a window comes to: [window, features]. */
  readonly output?: (rows: Matrix, window: number) => void;
  /** How much of the layer is done, from 0 to 1. */
  readonly onFraction?: (fraction: number) => void;
}

/** All windows before the same layer: where a walk can be left, and taken up again. */
export interface WalkState {
  /** The layer of `layers` that comes next; their number at the end. */
  readonly at: number;
  readonly activations: Pick<ActivationStore, 'read'>;
}

/**
 * A model that all windows go through layer by layer, so that a weight is read once and those of one layer are in memory. The
 * same bits as FloatModel.forward has of each window. Its methods reject when the signal is aborted, and only then.
 */
export interface LayerWalk {
  readonly layers: readonly ModelLayer[];
  readonly tokens: TokenWindows;
  readonly state: () => WalkState;
  /** Passes all windows through the next layer, and stays before it: as often as one likes. */
  look(visit: LayerVisit): Promise<Result<undefined, Diagnostic>>;
  /** Passes all windows through the next layer, and goes on behind it. After a fault the walk stands where it stood. */
  advance(visit?: LayerVisit): Promise<Result<undefined, Diagnostic>>;
  close(): void;
}

const fourGiB = 4 * 2 ** 30;
/** Others are let run as often: a signal, a progress line. */
const breathMs = 50;

/** Starts before the first layer, or at `from`: what was saved of a walk over the same model and tokens. */
export function walkLayers(options: WalkOptions, from?: WalkState): Result<LayerWalk, Diagnostic> {
  const { graph, tokens, multiply = multiplyWeights, signal, folder, limit = fourGiB } = options;
  const layers = listLayers(graph);
  const store = createActivationStore({ windows: tokens.count, rows: tokens.window, limit, folder });
  let at = from?.at ?? 0;
  const most = keptBytes(graph);
  let weights = keepWeights(options.read, most);
  let breath = performance.now();
  const breathe = async () => {
    if (performance.now() - breath > breathMs) {
      await new Promise((resolve) => setImmediate(resolve));
      breath = performance.now();
    }
    signal?.throwIfAborted();
  };

  const pass = async (visit: LayerVisit, keep: boolean): Promise<Result<undefined, Diagnostic>> => {
    const layer = layers[at];
    assert(layer !== undefined, 'there is a layer to go through');
    const { block, index, groups } = layer;
    const observed = new Map(visit.observe && groups.map((group) => [group.input, group]));
    const whole = keep || visit.output !== undefined;
    const needed = neededNodes(block, [...observed.keys(), ...(whole ? [block.output] : [])]);
    for (let window = 0; window < tokens.count; window++) {
      const input = store.read(window);
      if (!input.ok) return input;
      const run = { session: newSession(), read: visit.read ?? weights, multiply };
      const steps = evaluateLayer(block, index, input.value, run, needed);
      try {
        let step = steps.next();
        for (; step.done !== true; step = steps.next()) {
          const [id, rows] = step.value;
          const group = observed.get(id);
          if (group !== undefined) visit.observe?.(group, rows, window);
          await breathe();
        }
        if (whole) visit.output?.(step.value, window);
        const written = keep ? store.write(window, step.value) : succeed(undefined);
        if (!written.ok) return written;
      } catch (cause) {
        signal?.throwIfAborted();
        return catchNodeFault(cause);
      }
      visit.onFraction?.((window + 1) / tokens.count);
    }
    return succeed(undefined);
  };

  const begun = from === undefined ? fillWithIds(store, tokens) : copyState(store, from, tokens);
  if (!begun.ok) {
    store.close();
    return begun;
  }
  store.turn();
  return succeed({
    layers,
    tokens,
    state: () => ({ at, activations: store }),
    look: (visit) => pass(visit, false),
    async advance(visit = {}) {
      const passed = await pass(visit, true);
      if (!passed.ok) return passed;
      store.turn();
      at += 1;
      weights = keepWeights(options.read, most);
      return passed;
    },
    close: store.close,
  });
}

function fillWithIds(store: ActivationStore, { window, count, ids }: TokenWindows) {
  for (let at = 0; at < count; at++) {
    const value = makeMatrix(window, 1);
    value.data.set(ids.subarray(at * window, (at + 1) * window));
    const written = store.write(at, value);
    if (!written.ok) return written;
  }
  return succeed(undefined);
}

function copyState(store: ActivationStore, { activations }: WalkState, { count }: TokenWindows) {
  for (let window = 0; window < count; window++) {
    const value = activations.read(window);
    const written = value.ok ? store.write(window, value.value) : value;
    if (!written.ok) return written;
  }
  return succeed(undefined);
}
