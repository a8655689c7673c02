import type { Origin } from '../../ir/graph.ts';
import type { Diagnostic } from './diagnostic.ts';

/** An option as typed, `--layer '*=quik-8b'`, is an origin too: no JSON pointer starts so. */
function isOption(origin: Origin): boolean {
  return origin.startsWith('--');
}

/** A field, or an entry, of what lies at `origin`. An option has no parts: it stands for whatever it says. */
export function within(origin: Origin, ...segments: readonly (string | number)[]): Origin {
  return isOption(origin) ? origin : [origin, ...segments].join('/');
}

/** Where a diagnostic points: into the model, or at the command line's own words. */
export function placeOf(origin: Origin): Pick<Diagnostic, 'pointer' | 'option'> {
  return isOption(origin) ? { option: origin } : { pointer: origin };
}
