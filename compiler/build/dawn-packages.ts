import { join } from 'node:path';

/** Dawn for Node, and what it imports: versions, and the digests that the registry has of them. npm checks them. */
export const dawnPackages = {
  webgpu: {
    version: '0.6.2',
    integrity:
      'sha512-3L4GfmqJLvYUIEWJngEQY+2HQiUlAFkg8+P8NDDj3Xx5hHHIFO/r8JW+ynfqBj7kHN4mbnwO74uB+lrRtLhp4Q==',
    dependencies: { '@webgpu/types': '0.1.74', debug: '4.4.3' },
  },
  '@webgpu/types': {
    version: '0.1.74',
    integrity:
      'sha512-lgiI4hbuLcI9unnm2cL/tvCaQU45dp0xcLWJh5uB/9MBGvIA4F8XIk7nSiBeg+K4xWGYwgZKn80LmERI5CxoTA==',
  },
  debug: {
    version: '4.4.3',
    integrity:
      'sha512-RGwwWnwQvkVfavKVt22FGLw+xYSdzARwm0ru6DhTVA3umU5hZc28V3kO4stgYryrTlLpuvgI9GiijltAjNbcqA==',
    dependencies: { ms: '2.1.3' },
  },
  ms: {
    version: '2.1.3',
    integrity:
      'sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA==',
  },
} as const;

/** Below quikc's cache. */
export const dawnFolder = join('toolchains', `dawn-${dawnPackages.webgpu.version}`);

/** The package in it that findDawn takes. */
export const dawnPackage = join(dawnFolder, 'node_modules', 'webgpu');

/** What `npm ci` installs: package.json and package-lock.json, as texts. */
export function dawnLock(): Readonly<Record<'package.json' | 'package-lock.json', string>> {
  const root = { private: true, dependencies: { webgpu: dawnPackages.webgpu.version } };
  const packages = Object.entries(dawnPackages).map(
    ([name, entry]) => [`node_modules/${name}`, entry] as const,
  );
  const lock = {
    lockfileVersion: 3,
    requires: true,
    packages: { '': root, ...Object.fromEntries(packages) },
  };
  return { 'package.json': JSON.stringify(root), 'package-lock.json': JSON.stringify(lock) };
}
