import { execFileSync } from 'node:child_process';
import { wgslFamilies } from '../../compiler/families/index.ts';
import { familyTemplatesDigest } from '../../compiler/render/family-digest.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';

/** What was timed: the commit, and the digest of each family's templates, which a change elsewhere leaves as it is. */
export function provenance(): string {
  const templates = loadTemplates('templates');
  const digests = (['linear', 'quantize'] as const).map(
    (family) => `${family} ${familyTemplatesDigest(templates, wgslFamilies[family].templates).slice(0, 12)}`,
  );
  return `quikc at ${commit()}; templates ${digests.join(', ')}`;
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'no commit';
  }
}
