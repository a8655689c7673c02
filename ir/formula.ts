/**
 * A size or count that depends on the token count M alone, as data: launch grids, buffer and workspace sizes.
 * Callers in any language evaluate it; the manifest publishes it.
 */
export type Formula =
  | { readonly const: number }
  | { readonly M: true }
  | { readonly add: readonly Formula[] }
  | { readonly mul: readonly Formula[] }
  | { readonly ceilDiv: readonly [Formula, Formula] }
  | { readonly min: readonly Formula[] }
  | { readonly max: readonly Formula[] };

export const tokens: Formula = { M: true };

export function constant(value: number): Formula {
  return { const: value };
}

/** The value for `m` tokens. Exact below 2^53. */
export function evaluate(formula: Formula, m: number): number {
  if ('const' in formula) return formula.const;
  if ('M' in formula) return m;
  if ('add' in formula) return formula.add.reduce((sum, term) => sum + evaluate(term, m), 0);
  if ('mul' in formula) return formula.mul.reduce((product, term) => product * evaluate(term, m), 1);
  if ('ceilDiv' in formula)
    return Math.ceil(evaluate(formula.ceilDiv[0], m) / evaluate(formula.ceilDiv[1], m));
  if ('min' in formula) return Math.min(...formula.min.map((term) => evaluate(term, m)));
  return Math.max(...formula.max.map((term) => evaluate(term, m)));
}
