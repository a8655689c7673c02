import type { VerificationCase } from '../../../compiler/families/family.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import type { SpecOf } from '../../../ir/kernel-spec.ts';
import { baseColumns } from '../../../ir/problem.ts';

/** Faults that a stand-in kernel can be given. */
export interface Faults {
  readonly dropCode?: number;
  readonly dropZeroPoint?: boolean;
  readonly dropOutliersFrom?: number;
  readonly dropBias?: boolean;
  readonly dropResidual?: boolean;
  readonly shiftRowMeta?: boolean;
  readonly accOff?: { readonly n: number; readonly m: number; readonly by: number };
  readonly nanAsZero?: boolean;
  readonly stray?: { readonly n: number; readonly m: number };
}

/**
 * A linear kernel in plain loops over the packed buffers, FP32 throughout: reads every operand by the PTX fragment law,
 * written out here anew. `order` 1 adds outliers backwards.
 */
export function runStandIn(
  spec: SpecOf<'linear', 'cuda'>,
  test: VerificationCase,
  faults: Faults = {},
  order = 0,
) {
  const { n: channels, outliers, weightBits: bits, dtype, epilogue } = spec.problem;
  const memory = new Map<string, Uint8Array>();
  for (const buffer of test.buffers) {
    const bytes = new Uint8Array(buffer.bytes);
    // In pieces of 48 bytes, as a lazy memory might ask.
    for (let at = 0; at < bytes.length; at += 48)
      buffer.fill?.(at, bytes.subarray(at, Math.min(at + 48, bytes.length)));
    memory.set(buffer.argument, bytes);
  }
  const bytesOf = (name: string) => memory.get(name)!;
  const f32 = (name: string, i: number) => new DataView(bytesOf(name).buffer).getFloat32(4 * i, true);
  const u16 = (name: string, i: number) => bytesOf(name)[2 * i]! | (bytesOf(name)[2 * i + 1]! << 8);
  const float = narrowFloat(dtype);
  const code = (byte: number, k: number) =>
    bits === 8 ? (byte << 24) >> 24 : (byte << (28 - 4 * (k % 2))) >> 28;
  const perSegment = 256 / bits;
  const segments = Math.ceil(baseColumns(spec.problem) / perSegment);
  const outlierSegments = Math.ceil(outliers / 16);
  // Byte of bit `bit` of row `row` in a 16 x 256-bit block.
  const inBlock = (row: number, bit: number) => {
    const r = (row >= 8 ? 1 : 0) + 2 * Math.floor(bit / 128);
    const t = Math.floor((bit % 128) / 32);
    return ((row % 8) * 4 + t) * 16 + r * 4 + Math.floor((bit % 32) / 8);
  };
  const blocked = (name: string, n: number, k: number, width: number, count: number) => {
    const per = 256 / width;
    const block = Math.floor(n / 16) * count + Math.floor(k / per);
    return bytesOf(name)[block * 512 + inBlock(n % 16, (k % per) * width)]!;
  };
  const fl = Math.fround;
  const half = 2 ** (bits - 1);
  const hasResidual = epilogue.length > 0 && !faults.dropResidual;
  for (let m = 0; m < test.m; m++) {
    const metaRow = faults.shiftRowMeta ? Math.min(m + 1, test.m - 1) : m;
    const scale = f32('row_meta', 2 * metaRow);
    const zero = f32('row_meta', 2 * metaRow + 1);
    for (let n = 0; n < channels; n++) {
      let acc = 0;
      for (let k = 0; k < segments * perSegment; k++) {
        if (k === faults.dropCode) continue;
        const x = code(bytesOf('codes')[m * segments * 32 + Math.floor((k * bits) / 8)]!, k);
        acc += x * code(blocked('weights', n, k, bits, segments), k);
      }
      if (faults.accOff?.n === n && faults.accOff.m === m) acc += faults.accOff.by;
      const [s, reduced, bias] = [0, 1, 2].map((i) => f32('column_meta', 4 * n + i)) as [
        number,
        number,
        number,
      ];
      let y = fl(fl(fl(acc) * scale) * s);
      if (!faults.dropZeroPoint) y = fl(y + fl(fl(zero + fl(half * scale)) * reduced));
      if (!faults.dropBias) y = fl(y + bias);
      const last = faults.dropOutliersFrom ?? outlierSegments * 16;
      for (let i = 0; i < last; i++) {
        const f = order === 0 ? i : last - 1 - i;
        const low = blocked('outlier_weights', n, f, 16, outlierSegments);
        const at = Math.floor(n / 16) * outlierSegments + Math.floor(f / 16);
        const high = bytesOf('outlier_weights')[at * 512 + inBlock(n % 16, (f % 16) * 16) + 1]!;
        y = fl(
          y +
            float.decode(u16('outlier_rows', m * outlierSegments * 16 + f)) * float.decode(low | (high << 8)),
        );
      }
      if (hasResidual) y = fl(y + float.decode(u16('residual', m * channels + n)));
      if (faults.nanAsZero && Number.isNaN(y)) y = 0;
      const bits16 = float.encode(y);
      const out = (m * channels + n) * 2;
      if (!isIn(spec, test.m, n, m)) continue;
      bytesOf('y')[out] = bits16 & 255;
      bytesOf('y')[out + 1] = bits16 >> 8;
    }
  }
  if (faults.stray) bytesOf('y')[(faults.stray.m * channels + faults.stray.n) * 2] = 1;
  return (argument: string, offset: number, length: number) =>
    bytesOf(argument).subarray(offset, offset + length);

  // Only tile x = 1 (or 0 where there is one) is computed: its neighbours must stay untouched.
  function isIn(at: SpecOf<'linear', 'cuda'>, tokens: number, n: number, m: number): boolean {
    const tiles = Math.ceil(at.problem.n / at.schedule.tileN);
    const x = tiles > 1 || tokens > at.schedule.tileM ? 1 : 0;
    return Math.floor(n / at.schedule.tileN) + tiles * Math.floor(m / at.schedule.tileM) === x;
  }
}
