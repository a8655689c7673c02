import { join } from 'node:path';
import type { FamilyName } from '../ir/kernel-spec.ts';
import type { ScheduledKernel } from '../ir/schedule-choice.ts';
import { webgpu } from '../targets/webgpu.ts';
import type { BackEnd, Callers } from './back-end.ts';
import { checkShaders } from './build/check-shaders.ts';
import { findDawn } from './build/find-dawn.ts';
import type { FamilyTable } from './families/family.ts';
import { wgslFamilies } from './families/index.ts';
import { loadWebRuntime } from './package/load-web-runtime.ts';
import { hashValue, sha256 } from './support/hash.ts';
import { packageRoot } from './support/package-root.ts';
import { succeed } from './support/result.ts';

function featuresOf({ spec }: ScheduledKernel): readonly string[] {
  const family: FamilyTable[FamilyName] = wgslFamilies[spec.family];
  const resources = family.describeResources(spec, webgpu);
  return resources.dialect === 'wgsl' ? resources.features : [];
}

/** WGSL: nothing is compiled before run time; Dawn checks every shader. */
export function wgslBackEnd(): BackEnd {
  return {
    families: wgslFamilies,
    noTools: 'QK604',
    callers: webPackage(),
    async findTools(options) {
      const found = await findDawn(options.env);
      if (!found.ok) return found;
      const { version, identity } = found.value;
      return succeed({
        toolchain: { tool: 'dawn', version, identity },
        build: (kernels, texts, buildOptions) =>
          checkShaders(kernels, texts, featuresOf, found.value, buildOptions),
      });
    },
  };
}

/** An npm package for browsers, Node and Deno. */
function webPackage(): Callers {
  const runtime = () => loadWebRuntime(join(packageRoot(), 'templates', 'package', 'web'));
  return {
    digest: () => hashValue([...runtime()].map(([name, bytes]) => [name, sha256(bytes)])),
    async loadWriter() {
      const { makeWebPackage } = await import('./package/web/make-web-package.ts');
      return (manifest, texts) => makeWebPackage(manifest, texts, runtime());
    },
  };
}
