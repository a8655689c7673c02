/** M at which a kernel for the open range of large M is tried beside its lower edge: odd, and past a few tiles. */
const largeTokens = [2048, 2049];

/**
 * Token counts for a kernel that serves [from, to]: its edges and their neighbours, inside and outside the range (a
 * kernel is right for every M; the range only says where it is fast). M = 0 launches nothing and is not run.
 */
export function tokensToVerify(from: number, to: number | undefined): readonly number[] {
  const edges = to === undefined ? [from, ...largeTokens.filter((m) => m > from)] : [from, to];
  const around = edges.flatMap((edge) => (edge > 1000 ? [edge] : [edge - 1, edge, edge + 1]));
  return [...new Set(around.filter((m) => m >= 1))].sort((a, b) => a - b);
}
