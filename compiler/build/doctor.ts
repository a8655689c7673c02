import { existsSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { describeFileError } from '../support/describe-file-error.ts';
import { findOnPath } from '../support/find-on-path.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { quikcCacheRoot } from '../support/quikc-cache-root.ts';
import { makeScratchFolder } from '../support/scratch-folder.ts';
import type { Check } from './check.ts';
import { checkWebgpu } from './check-webgpu.ts';
import { type FindOptions, findToolchain } from './find-toolchain.ts';

const minimalNode = [20, 19] as const;
/** The toolchain unpacked (280 MB), its largest wheel beside it, and room for kernels. */
const wantedFreeBytes = 1e9;

/** Looks at everything that a build needs. Changes nothing but quikc's cache, where it tries to write. */
export async function doctor(options: FindOptions): Promise<readonly Check[]> {
  const { env } = options;
  return [
    checkNode(process.versions.node),
    ...(await checkToolchain(options)),
    checkHostCompiler(env),
    checkPip(env),
    checkCache(quikcCacheRoot(env)),
    checkDriver(env),
    ...(await checkWebgpu(env, options.signal)),
  ];
}

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > minimalNode[0] || (major === minimalNode[0] && minor >= minimalNode[1]);
  if (enough) return { name: 'node', status: 'ok', detail: version };
  return {
    name: 'node',
    status: 'fail',
    detail: version,
    fix: `install Node ${minimalNode.join('.')} or newer`,
  };
}

async function checkToolchain(options: FindOptions): Promise<Check[]> {
  const found = await findToolchain(options);
  if (!found.ok) {
    const { message, hint } = found.error;
    return [{ name: 'nvcc', status: 'fail', detail: message, ...(hint === undefined ? {} : { fix: hint }) }];
  }
  const { nvcc, ptxas, version, source } = found.value;
  return [
    { name: 'nvcc', status: 'ok', detail: `${version} from ${source}: ${nvcc}` },
    { name: 'ptxas', status: 'ok', detail: ptxas },
  ];
}

function checkHostCompiler(env: Environment): Check {
  const path = findOnPath('g++', env);
  if (path !== undefined) return { name: 'host compiler', status: 'ok', detail: path };
  const fix = 'install one, e.g. `apt-get install g++`: nvcc preprocesses with it';
  return { name: 'host compiler', status: 'fail', detail: 'no g++ on PATH', fix };
}

function checkPip(env: Environment): Check {
  const path = findOnPath('python3', env);
  if (path !== undefined) return { name: 'python3', status: 'ok', detail: path };
  const fix = 'install Python 3 with pip: `quikc toolchain install` downloads with it';
  return { name: 'python3', status: 'warn', detail: 'no python3 on PATH', fix };
}

function checkCache(root: string): Check {
  const name = 'cache';
  try {
    rmSync(makeScratchFolder(join(root, 'tmp'), 'doctor'), { recursive: true });
  } catch (error) {
    const fix = 'point QUIKC_CACHE at a folder you can write to; without it every kernel is built every time';
    return { name, status: 'warn', detail: `${root}: ${describeFileError(error)}`, fix };
  }
  const { bavail, bsize } = statfsSync(root);
  const free = bavail * bsize;
  const detail = `${root}, ${(free / 1e9).toFixed(1)} GB free`;
  if (free >= wantedFreeBytes) return { name, status: 'ok', detail };
  return { name, status: 'warn', detail, fix: 'free 1 GB, or point QUIKC_CACHE at another disk' };
}

const driverFolders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/lib/wsl/lib'];

/** A driver is needed only to run kernels on a GPU: `verify` does without. */
function checkDriver(env: Environment): Check {
  const folders = [
    ...(env['LD_LIBRARY_PATH'] ?? '').split(':').filter((folder) => folder !== ''),
    ...driverFolders,
  ];
  const found = folders.map((folder) => join(folder, 'libcuda.so.1')).find((path) => existsSync(path));
  if (found !== undefined) return { name: 'GPU driver', status: 'ok', detail: found };
  const fix = 'nothing needs one, save recording the vectors of `npm run conformance`';
  return {
    name: 'GPU driver',
    status: 'warn',
    detail: 'no libcuda.so.1: kernels cannot be run on a GPU here',
    fix,
  };
}
