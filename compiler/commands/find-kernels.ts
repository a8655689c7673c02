import type { Manifest, ManifestKernel } from '../../ir/manifest.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { suggestName } from '../diagnostics/suggest-name.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** The kernel whose id is `name`, else all whose ids begin or end so: the last eight digits are short and unique. */
export function findKernels(
  { kernels }: Manifest,
  name: string,
): Result<readonly ManifestKernel[], Diagnostic> {
  const exact = kernels.filter(({ id }) => id === name);
  if (exact.length > 0) return succeed(exact);
  const matches = kernels.filter(({ id }) => id.startsWith(name) || id.endsWith(name));
  if (matches.length > 0) return succeed(matches);
  const near = suggestName(
    name,
    kernels.map(({ id }) => id),
  );
  const hint = near === undefined ? {} : { hint: `did you mean ${near}?` };
  return fail(diagnose('QK566', { message: `the bundle has no kernel ${quoteText(name)}`, ...hint }));
}

/** The one kernel that `name` fits; more than one is a fault. */
export function findKernel(manifest: Manifest, name: string): Result<ManifestKernel, Diagnostic> {
  const found = findKernels(manifest, name);
  if (!found.ok) return found;
  const [only] = found.value;
  if (only !== undefined && found.value.length === 1) return succeed(only);
  const ids = found.value.map(({ id }) => id).join(', ');
  return fail(
    diagnose('QK566', {
      message: `${quoteText(name)} fits ${found.value.length} kernels: ${ids}`,
      hint: 'give more of the id',
    }),
  );
}
