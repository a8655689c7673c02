import { join } from 'node:path';
import type { FamilyName } from '../ir/kernel-spec.ts';
import { needsOf } from '../ir/needs-of.ts';
import type { ScheduledKernel } from '../ir/schedule-choice.ts';
import type { WgslTarget } from '../targets/target.ts';
import type { BackEnd, Callers } from './back-end.ts';
import { checkShaders } from './build/check-shaders.ts';
import { findDawn } from './build/find-dawn.ts';
import type { FamilyTable } from './families/family.ts';
import { wgslFamilies } from './families/index.ts';
import { loadWebRuntime } from './package/load-web-runtime.ts';
import { hashValue, sha256 } from './support/hash.ts';
import { packageRoot } from './support/package-root.ts';
import { succeed } from './support/result.ts';

/** WGSL: nothing is compiled before run time; Dawn checks every shader, and runs it on the adapter at hand. */
export function wgslBackEnd(target: WgslTarget): BackEnd {
  const featuresOf = ({ spec }: ScheduledKernel): readonly string[] => {
    const family: FamilyTable[FamilyName] = wgslFamilies[spec.family];
    return needsOf(family.describeResources(spec, target)).features;
  };
  const { dialect, id, gpu, variants } = target;
  return {
    families: wgslFamilies,
    manifestTarget: { dialect, id, referenceGpu: gpu.name, variants },
    // In the npm package, for whoever installs that alone.
    sourcePath: (kernel) => `web/kernels/${kernel}.wgsl`,
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
    async loadVerifier() {
      const { verifyShaders } = await import('./commands/verify-shaders.ts');
      return verifyShaders;
    },
    async openPlane({ env }) {
      const { openAdapterPlane } = await import('./measure/adapter-plane.ts');
      const dawn = await findDawn(env);
      return dawn.ok ? openAdapterPlane(target, dawn.value, env) : dawn;
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
