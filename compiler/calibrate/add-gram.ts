import type { Matrix } from '../reference/float-model/matrix.ts';

/** Adds xᵀ x to `gram` [K, K], row-major. The rows of x [M, K] are summed in order first, then the sum is added: in float64. */
export function addGram(x: Matrix, gram: Float64Array): void {
  const { rows, columns: k } = x;
  const turned = turn(x);
  // Two columns by four: eight sums and six loads fit V8's registers. Only what lies on or above the diagonal is computed.
  for (let i = 0; i < k; i += 2) {
    for (let j = i; j < k; j += 4) {
      if (i + 2 <= k && j + 4 <= k) addTile(turned, rows, gram, k, i, j);
      else addEdge(turned, rows, gram, k, i, j);
    }
  }
}

/** [K, M]: each column in one piece. */
function turn({ rows, columns: k, data }: Matrix): Float64Array {
  const turned = new Float64Array(rows * k);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < k; column++) turned[column * rows + row] = data[row * k + column] ?? 0;
  return turned;
}

function addTile(x: Float64Array, rows: number, gram: Float64Array, k: number, i: number, j: number): void {
  const [a0, a1] = [i * rows, (i + 1) * rows];
  const [b0, b1, b2, b3] = [j * rows, (j + 1) * rows, (j + 2) * rows, (j + 3) * rows];
  let [s00, s01, s02, s03] = [0, 0, 0, 0];
  let [s10, s11, s12, s13] = [0, 0, 0, 0];
  for (let row = 0; row < rows; row++) {
    const a = x[a0 + row] ?? 0;
    const b = x[a1 + row] ?? 0;
    const c0 = x[b0 + row] ?? 0;
    const c1 = x[b1 + row] ?? 0;
    const c2 = x[b2 + row] ?? 0;
    const c3 = x[b3 + row] ?? 0;
    s00 += a * c0;
    s01 += a * c1;
    s02 += a * c2;
    s03 += a * c3;
    s10 += b * c0;
    s11 += b * c1;
    s12 += b * c2;
    s13 += b * c3;
  }
  [s00, s01, s02, s03].forEach((sum, column) => {
    put(gram, k, i, j + column, sum);
  });
  [s10, s11, s12, s13].forEach((sum, column) => {
    put(gram, k, i + 1, j + column, sum);
  });
}

/** Of the last columns, fewer than make a tile. */
function addEdge(x: Float64Array, rows: number, gram: Float64Array, k: number, i: number, j: number): void {
  for (let a = i; a < Math.min(i + 2, k); a++) {
    for (let b = j; b < k; b++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += (x[a * rows + row] ?? 0) * (x[b * rows + row] ?? 0);
      put(gram, k, a, b, sum);
    }
  }
}

/** Both halves get the same bits. Below the diagonal of a tile that lies on it, the other half has done it. */
function put(gram: Float64Array, k: number, a: number, b: number, sum: number): void {
  if (b < a) return;
  const total = (gram[a * k + b] ?? 0) + sum;
  gram[a * k + b] = total;
  gram[b * k + a] = total;
}
