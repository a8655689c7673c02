import type { Graph } from '../../ir/graph.ts';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { readSafetensorsHeader } from '../checkpoint/read-safetensors.ts';
import { writeSafetensors } from '../checkpoint/write-safetensors.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { bytesOf } from '../support/bytes-of.ts';
import { hashValue, sha256 } from '../support/hash.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { TokenWindows } from './token-windows.ts';
import type { LayerWalk, WalkState } from './walk-layers.ts';

const format = 'quikc-walk-1';

/** Writes where a walk stands, whole or not at all: all activations before the next layer. QK171, or QK150 where they cannot be read. */
export function saveWalk(
  file: string,
  graph: Graph,
  { state, tokens }: Pick<LayerWalk, 'state' | 'tokens'>,
): Result<undefined, Diagnostic> {
  const { at, activations } = state();
  const first = activations.read(0);
  if (!first.ok) return first;
  const bytes = function* () {
    for (let window = 0; window < tokens.count; window++) {
      const value = activations.read(window);
      yield value.ok ? succeed(bytesOf(value.value.data)) : value;
    }
  };
  const shape = [tokens.count, tokens.window, first.value.columns];
  const tensor = { name: 'activations', dtype: 'F64', shape, bytes };
  return writeSafetensors(file, [tensor], { format, at: `${at}`, identity: identify(graph, tokens) });
}

/** What saveWalk wrote, for walkLayers to go on from. QK150 to QK155 the file, QK179 of another model, other tokens or none. */
export function readWalk(
  file: string,
  graph: Graph,
  tokens: TokenWindows,
): Result<WalkState, readonly Diagnostic[]> {
  const refuse = (message: string) => fail([diagnose('QK179', { file, message })]);
  const source = openByteSource(file);
  if (!source.ok) return fail([source.error]);
  const header = readSafetensorsHeader(source.value);
  if (!header.ok) return header;
  const { metadata, tensors } = header.value;
  if (metadata.get('format') !== format) return refuse('this is no saved walk');
  if (metadata.get('identity') !== identify(graph, tokens))
    return refuse('it was saved of another model, or of other tokens');
  const [tensor] = tensors;
  const [count, window, features = 0] = tensor?.shape ?? [];
  const at = Number(metadata.get('at'));
  const fits = count === tokens.count && window === tokens.window && tensor?.format.name === 'F64';
  if (tensor === undefined || !fits || !Number.isSafeInteger(at) || at < 0)
    return refuse('its activations are not as they were written');
  const values = window * features;
  return succeed({
    at,
    activations: {
      read(index) {
        const bytes = tensor.source.read(tensor.offset + 8 * values * index, 8 * values);
        if (!bytes.ok) return bytes;
        const data = new Float64Array(values);
        new Uint8Array(data.buffer).set(bytes.value);
        return succeed({ rows: window, columns: features, data });
      },
    },
  });
}

function identify(graph: Graph, { window, ids }: TokenWindows): string {
  return hashValue({
    graph,
    window,
    ids: sha256(bytesOf(ids)),
  });
}
