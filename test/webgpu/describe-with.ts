import { describe, test } from 'vitest';

/**
 * Tests of what set-up.mjs brings, given the values of the variables that name it. A machine that tests changes must have
 * it: there, its absence fails. Elsewhere they are skipped, and the skip says how to get it.
 */
export function describeWith(
  variables: readonly string[],
  title: string,
  body: (...values: readonly string[]) => void,
): void {
  const missing = variables.filter((name) => !process.env[name]);
  if (missing.length === 0) {
    describe(title, () => body(...variables.map((name) => process.env[name] ?? '')));
    return;
  }
  const lack = `${title}: ${missing.join(' and ')} not set; run: eval "$(node test/webgpu/set-up.mjs)"`;
  if (process.env['CI']) {
    test(lack, () => {
      throw new Error(lack);
    });
    return;
  }
  process.stderr.write(`skipped ${lack}\n`);
  test.skip(lack);
}
