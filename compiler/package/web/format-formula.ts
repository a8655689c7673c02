import { evaluate, type Formula } from '../../../ir/formula.ts';

/** A formula as a JavaScript expression in M; what does not depend on M is a number. */
export function formatFormula(formula: Formula): string {
  if (!dependsOnTokens(formula)) return `${evaluate(formula, 0)}`;
  if ('add' in formula) return `(${formula.add.map(formatFormula).join(' + ')})`;
  if ('mul' in formula) return formula.mul.map(formatFormula).join(' * ');
  if ('ceilDiv' in formula) {
    const [whole, by] = formula.ceilDiv.map(formatFormula);
    return by === '1' ? `${whole}` : `Math.ceil(${enclose(whole)} / ${enclose(by)})`;
  }
  if ('min' in formula) return `Math.min(${formula.min.map(formatFormula).join(', ')})`;
  if ('max' in formula) return `Math.max(${formula.max.map(formatFormula).join(', ')})`;
  return 'M';
}

function enclose(expression = ''): string {
  return /^\w+$/.test(expression) ? expression : `(${expression})`;
}

/** Whether a formula's value differs with M. */
export function dependsOnTokens(formula: Formula): boolean {
  if ('const' in formula) return false;
  if ('M' in formula) return true;
  const [parts = []] = Object.values(formula) as readonly (readonly Formula[])[];
  return parts.some(dependsOnTokens);
}
