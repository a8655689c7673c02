// Part of a package that quikc wrote; the same in each.

/** @typedef {import('./tables.d.ts').Tables} Tables */

/**
 * What `adapter` lacks to run the bundle, in sentences.
 * @param {Pick<Tables, 'requiredFeatures' | 'requiredLimits' | 'languageFeatures'>} tables
 * @param {GPUAdapter | null | undefined} adapter
 * @param {Pick<GPU, 'wgslLanguageFeatures'> | undefined} gpu
 * @returns {string[]}
 */
export function findMissing({ requiredFeatures, requiredLimits, languageFeatures }, adapter, gpu) {
  if (adapter === null || adapter === undefined) return ['there is no WebGPU adapter'];
  const known = gpu?.wgslLanguageFeatures;
  const language =
    known === undefined && languageFeatures.length > 0
      ? [`WGSL's language features cannot be told: pass the GPU object as the second argument`]
      : languageFeatures
          .filter((name) => known?.has(name) !== true)
          .map((name) => `the WGSL language feature ${name} is missing`);
  return [...findMissingOfDevice({ requiredFeatures, requiredLimits }, adapter), ...language];
}

/**
 * The same for what an adapter and a device have alike.
 * @param {Pick<Tables, 'requiredFeatures' | 'requiredLimits'>} tables
 * @param {Pick<GPUDevice, 'features' | 'limits'>} device
 * @returns {string[]}
 */
export function findMissingOfDevice({ requiredFeatures, requiredLimits }, { features, limits }) {
  const lacking = requiredFeatures.filter((name) => !features.has(name));
  const numbers = /** @type {Readonly<Record<string, number>>} */ (/** @type {unknown} */ (limits));
  const low = Object.entries(requiredLimits).filter(([name, least]) => !((numbers[name] ?? 0) >= least));
  return [
    ...lacking.map((name) => `the feature ${name} is missing`),
    ...low.map(([name, least]) => `the limit ${name} is ${numbers[name]}, ${least} is needed`),
  ];
}
