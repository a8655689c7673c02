import type { Probe, Warp } from './probe.ts';
import { warpOf, words } from './probe-data.ts';

const tile = '.shared .align 16 .b8 tile[512];';
/** Word w of shared memory is word w % 32 of input register w / 32. */
const fillTile = `mov.u32 %r0, tile;
  shl.b32 %r1, %lane, 2;
  add.s32 %r1, %r0, %r1;
  st.shared.u32 [%r1], %a0;
  st.shared.u32 [%r1+128], %a1;
  st.shared.u32 [%r1+256], %a2;
  st.shared.u32 [%r1+384], %a3;
  bar.sync 0;`;

/** Lane l gives the address of row l % 8 of matrix l / 8; lane 4r + c receives word c of row r of each matrix. */
function ldmatrix(count: 2 | 4): Probe {
  const next = words(count);
  const spelling = `ldmatrix.sync.aligned.m8n8.x${count}.shared.b16`;
  const results = [0, 1, 2, 3].slice(0, count);
  // Input 4 holds which of the tile's 32 rows of 16 bytes each lane points at.
  const rounds = [0, 1].map(() =>
    warpOf(5, (register, lane) => (register < 4 ? next() : (lane * 11 + next() * 2) % 32)),
  );
  const of = (inputs: Warp): Warp =>
    results.map((matrix) =>
      Uint32Array.from({ length: 32 }, (_, lane) => {
        const row = inputs[4]?.[matrix * 8 + (lane >> 2)] ?? 0;
        const word = row * 4 + (lane & 3);
        return inputs[word >> 5]?.[word & 31] ?? 0;
      }),
    );
  return {
    ...{
      name: `ldmatrix-x${count}`,
      covers: [spelling],
      declarations: tile,
      outputs: results.map(() => 'b32' as const),
      rounds,
    },
    body: `${fillTile}
      shl.b32 %r2, %a4, 4;
      add.s32 %r2, %r0, %r2;
      ${spelling} {${results.map((i) => `%d${i}`).join(', ')}}, [%r2];`,
    reference: { kind: 'exact', of },
  };
}

/** Row r of the matrix lies in lanes 4r to 4r + 3, two 16-bit elements each. */
function movmatrix(): Probe {
  const next = words(77);
  const spelling = 'movmatrix.sync.aligned.m8n8.trans.b16';
  const of = ([a = new Uint32Array(32)]: Warp): Warp => {
    const at = (row: number, column: number) =>
      ((a[4 * row + (column >> 1)] ?? 0) >>> (16 * (column & 1))) & 0xffff;
    return [
      Uint32Array.from({ length: 32 }, (_, lane) => {
        const [row, column] = [lane >> 2, 2 * (lane & 3)];
        return at(column, row) | (at(column + 1, row) << 16);
      }),
    ];
  };
  const rounds = [warpOf(1, () => next()), warpOf(1, () => next())];
  return {
    name: 'movmatrix',
    covers: [spelling],
    body: `${spelling} %d0, %a0;`,
    outputs: ['b32'],
    rounds,
    reference: { kind: 'exact', of },
  };
}

export const matrixProbes: readonly Probe[] = [ldmatrix(2), ldmatrix(4), movmatrix()];
