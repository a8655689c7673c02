import { assert } from '../support/assert.ts';
import { type WasmMemory, wasm } from '../support/wasm/web-assembly.ts';
import { type MultiplyPanels, panelKernelBytes } from './panel-kernel.ts';

/** The panel kernel of this thread, over a memory of its own. */
export interface PanelEngine {
  readonly multiply: MultiplyPanels;
  /** The memory as float64 values, of which there are at least so many. What was in it stays; views of before may not be used. */
  reserve(values: number): Float64Array;
}

const pageBytes = 65_536;
let engine: PanelEngine | undefined;

/** This thread's engine, started when it is first asked for. Whoever computes owns its memory until it is done. */
export function panelEngine(): PanelEngine {
  engine ??= startEngine();
  return engine;
}

function startEngine(): PanelEngine {
  const memory: WasmMemory = new wasm.Memory({ initial: 1 });
  const instance = new wasm.Instance(new wasm.Module(panelKernelBytes()), { host: { memory } });
  const multiply = instance.exports['multiply'];
  assert(typeof multiply === 'function', 'the panel kernel exports multiply');
  let view = new Float64Array(memory.buffer);
  return {
    multiply: multiply as MultiplyPanels,
    reserve(values) {
      if (values > view.length) {
        memory.grow(Math.ceil((8 * values - view.byteLength) / pageBytes));
        view = new Float64Array(memory.buffer);
      }
      return view;
    },
  };
}
