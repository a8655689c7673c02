import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { sha256 } from '../support/hash.ts';
import { packageRoot } from '../support/package-root.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { quikcCacheRoot } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { dawnPackage } from './dawn-packages.ts';
import { toolFault } from './tool-fault.ts';

/** Dawn for Node, the npm package `webgpu`: no dependency of quikc's, since it is large and only WGSL needs it. */
export interface Dawn {
  readonly version: string;
  readonly identity: string;
  /** The package's own module, to be imported. */
  readonly module: string;
}

/** The `webgpu` package of QUIKC_DAWN (its folder), else of the working directory, of quikc itself, of quikc's cache. */
export async function findDawn(env: Environment): Promise<Result<Dawn, Diagnostic>> {
  const named = env['QUIKC_DAWN'] || undefined;
  const folder = named ?? resolvePackage(process.cwd()) ?? resolvePackage(packageRoot()) ?? installed(env);
  if (folder === undefined) return fail(toolFault.noDawn());
  try {
    const text = readFileSync(join(folder, 'package.json'), 'utf8');
    const { version, main = 'index.js' } = JSON.parse(text) as { version?: unknown; main?: string };
    const module = join(folder, main);
    if (typeof version !== 'string' || !existsSync(module))
      return fail(toolFault.dawnUnusable(folder, 'it is not the npm package webgpu'));
    return succeed({ version, identity: sha256(text), module: pathToFileURL(module).href });
  } catch (error) {
    return fail(toolFault.dawnUnusable(folder, error instanceof Error ? error.message : String(error)));
  }
}

/** What `quikc toolchain install webgpu` brought. */
function installed(env: Environment): string | undefined {
  const folder = join(quikcCacheRoot(env), dawnPackage);
  return existsSync(folder) ? folder : undefined;
}

function resolvePackage(from: string): string | undefined {
  try {
    return dirname(createRequire(join(from, 'package.json')).resolve('webgpu/package.json'));
  } catch {
    return undefined;
  }
}
