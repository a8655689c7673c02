import type { BufferArgument } from '../../../ir/call-contract.ts';
import type { Formula } from '../../../ir/formula.ts';
import { dependsOnTokens, formatFormula } from './format-formula.ts';

/** Element type, shape and, where elements do not lie row after row, layout: e.g. `f16[M][4096]`. */
export function describeContents({ dtype, shape, layout }: BufferArgument): string {
  const extents = shape.map((extent) => `[${readable(extent)}]`).join('');
  return `${dtype}${extents}${layout === 'row-major' ? '' : ` ${layout}`}`;
}

/** A sentence for the types: what is in a buffer, how long it is, and who touches it. */
export function describeBuffer(argument: BufferArgument): string {
  const { bytes, access, meaning } = argument;
  const verb = { read: 'Read', write: 'Written', 'read-write': 'Read and written' }[access];
  return `\`${describeContents(argument)}\`, ${readable(bytes)} bytes. ${verb}: ${meaning}.`;
}

/** As people write it: `384 M`, `ceil(M / 8)`. */
function readable(formula: Formula): string {
  if ('mul' in formula && dependsOnTokens(formula)) {
    const parts = formula.mul.map(readable);
    return [
      ...parts.filter((part) => /^\d+$/.test(part)),
      ...parts.filter((part) => !/^\d+$/.test(part)),
    ].join(' ');
  }
  return formatFormula(formula).replaceAll('Math.', '');
}
