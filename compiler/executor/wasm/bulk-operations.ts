import { encodeModule } from '../../support/wasm/encoder.ts';
import { type WasmMemory, wasm } from '../../support/wasm/web-assembly.ts';
import { buildFloatMma } from './float-mma.ts';
import { buildS4Mma, buildS8Mma } from './integer-mma.ts';

/** D, A, B, C register planes as byte addresses; a float MMA answers 1 when the reference must do it. */
export type MmaFunction = (...planes: number[]) => number;

/** Name of the function for one MMA shape and its types; undefined when there is none. */
export function mmaFunctionName(
  shape: string,
  aType: string,
  bType: string,
  saturating: boolean,
): string | undefined {
  const name = `${shape}_${aType}_${bType}${saturating ? '_sat' : ''}`;
  return MMA_NAMES.has(name) ? name : undefined;
}

const BYTES = ['s8', 'u8'];

function buildAll() {
  const integers = [false, true].flatMap((sat) => {
    const suffix = sat ? '_sat' : '';
    return [
      buildS4Mma(`m16n8k64_s4_s4${suffix}`, 2, sat),
      buildS4Mma(`m16n8k32_s4_s4${suffix}`, 1, sat),
      ...BYTES.flatMap((a) =>
        BYTES.flatMap((b) => {
          const signs = { a: a === 's8', b: b === 's8' };
          return [
            buildS8Mma(`m16n8k32_${a}_${b}${suffix}`, 2, signs, sat),
            buildS8Mma(`m16n8k16_${a}_${b}${suffix}`, 1, signs, sat),
          ];
        }),
      ),
    ];
  });
  const floats = (['f16', 'bf16'] as const).flatMap((kind) => [
    buildFloatMma(`m16n8k16_${kind}_${kind}`, kind, 2),
    buildFloatMma(`m16n8k8_${kind}_${kind}`, kind, 1),
  ]);
  return [...integers, ...floats];
}

const FUNCTIONS = buildAll();
const MMA_NAMES: ReadonlySet<string> = new Set(FUNCTIONS.map((f) => f.name));
let compiled: object | undefined;

/** The executor's WebAssembly functions over one memory. Encoded and compiled once per process. */
export function instantiateBulkOperations(memory: WasmMemory): ReadonlyMap<string, MmaFunction> {
  compiled ??= new wasm.Module(encodeModule(FUNCTIONS));
  const instance = new wasm.Instance(compiled, { host: { memory } });
  return new Map(FUNCTIONS.map(({ name }) => [name, instance.exports[name] as MmaFunction]));
}
