/** The first rows carry the special patterns (constant, spikes, not finite …), the last row is an edge. */
export function sampleRows(m: number, limit: number): readonly number[] {
  const rows = new Set<number>();
  if (m > 0) rows.add(m - 1);
  for (let row = 0; row < m && rows.size < limit; row++) rows.add(row);
  return [...rows];
}
