import type { Tolerance } from '../../../ir/manifest.ts';
import type { QuantizeProblem } from '../../../ir/problem.ts';
import { underflow, unitRoundoff } from '../../reference/tolerance.ts';
import type { QuantizeRoundings } from '../family.ts';

/** How far codes, row meta and the row after its prologue may be from the oracle. */
export function quantizeTolerances(
  { prologue }: QuantizeProblem,
  roundings: QuantizeRoundings,
): readonly Tolerance[] {
  const rules: Tolerance[] = [
    {
      output: 'row_meta',
      rule: 'minimum exact, |scale - s| <= gamma(roundings) * s',
      constants: { roundings: roundings.scale, u: unitRoundoff },
      derivation: 'docs/numerics.md, 1 Row quantisation',
    },
    {
      output: 'codes',
      rule: 'rne(t (1 - gamma(roundings))) <= code + h <= rne(t (1 + gamma(roundings))), t = (x - z) / s by the own z and s',
      constants: { roundings: roundings.code, u: unitRoundoff },
      derivation: 'docs/numerics.md, 1 Row quantisation',
    },
    {
      output: 'outlier_rows',
      rule: 'bit-exact copies of x after its prologue',
      constants: {},
      derivation: 'docs/numerics.md, 1 Row quantisation',
    },
  ];
  if (prologue.op === 'none') return rules;
  const columnRoundings = prologue.op === 'rms-norm' ? { roundings: roundings.prologue.norm } : {};
  const formula =
    prologue.op === 'rms-norm'
      ? 'gamma(roundings)'
      : 'gamma(e / (1 + e) * (1.225 |g| + 5) + 6), e = exp(-g); [0, 2v] from e = 2^125 on';
  return [
    ...rules,
    {
      output: 'x after its prologue',
      rule: `x in [round16(v - r|v| - underflow), round16(v + r|v| + underflow)] with r = ${formula}; row_meta and codes follow the interval`,
      constants: { ...columnRoundings, u: unitRoundoff, underflow },
      derivation: 'docs/numerics.md, 2 Prologues',
    },
  ];
}
