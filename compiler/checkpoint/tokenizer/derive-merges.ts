/**
 * The merges of a SentencePiece BPE model from its vocabulary: every way to cut a token into two others, the token of the
 * best score first, and of one token's cuts those whose parts come first in the vocabulary (transformers,
 * convert_slow_tokenizer.py, generate_merges). Quadratic in the length of a token, which is a few letters.
 */
export function deriveMerges(
  tokens: readonly string[],
  scores: readonly number[],
): readonly (readonly [string, string])[] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const found: {
    readonly pair: readonly [string, string];
    readonly score: number;
    readonly order: number[];
  }[] = [];
  tokens.forEach((token, id) => {
    const letters = [...token];
    for (let cut = 1; cut < letters.length; cut++) {
      const left = letters.slice(0, cut).join('');
      const right = letters.slice(cut).join('');
      const [leftId, rightId] = [ids.get(left), ids.get(right)];
      if (leftId === undefined || rightId === undefined) continue;
      found.push({ pair: [left, right], score: scores[id] ?? 0, order: [id, leftId, rightId] });
    }
  });
  const compare = (a: readonly number[], b: readonly number[]) =>
    a.reduce((result, value, index) => (result === 0 ? value - (b[index] ?? 0) : result), 0);
  return found.toSorted((a, b) => b.score - a.score || compare(a.order, b.order)).map(({ pair }) => pair);
}
