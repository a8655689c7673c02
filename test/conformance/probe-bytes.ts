import type { Probe, Warp } from './probe.ts';
import { inputCount } from './probe-module.ts';

/** Rounds as they lie in device memory: round, register, lane; little-endian words. */
export function toBytes(rounds: readonly Warp[]): Uint8Array {
  const words = rounds.flat().flatMap((register) => [...register]);
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(4 * index, word, true);
  return bytes;
}

/** Device memory as rounds of `registers` words a lane. */
export function fromBytes(bytes: Uint8Array, registers: number): readonly Warp[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rounds = Math.floor(bytes.length / (128 * registers));
  return Array.from({ length: rounds }, (_, round) =>
    Array.from({ length: registers }, (_, register) =>
      Uint32Array.from({ length: 32 }, (_, lane) =>
        view.getUint32(4 * ((round * registers + register) * 32 + lane), true),
      ),
    ),
  );
}

export function outputBytes(probe: Probe, inputs: Uint8Array): number {
  return (inputs.length / inputCount(probe)) * probe.outputs.length;
}
