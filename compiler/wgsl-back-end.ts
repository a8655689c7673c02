import type { BackEnd } from './back-end.ts';
import { checkShaders } from './build/check-shaders.ts';
import { findDawn } from './build/find-dawn.ts';
import { wgslFamilies } from './families/index.ts';
import { succeed } from './support/result.ts';

/** WGSL: nothing is compiled before run time; Dawn checks every shader. */
export function wgslBackEnd(): BackEnd {
  return {
    families: wgslFamilies,
    noTools: 'QK604',
    async findTools(options) {
      const found = await findDawn(options.env);
      if (!found.ok) return found;
      const { version, identity } = found.value;
      return succeed({
        toolchain: { tool: 'dawn', version, identity },
        build: (kernels, texts, buildOptions) => checkShaders(kernels, texts, found.value, buildOptions),
      });
    },
  };
}
