// Part of a package that quikc wrote; the same in each.

/** @typedef {import('./tables.d.ts').VariantTable} VariantTable */
/** @typedef {Pick<GPU, 'wgslLanguageFeatures'> | undefined} Language */

/** WebGPU knows no smaller subgroups: what holds where an adapter does not tell. */
const leastSubgroup = 4;

/**
 * What `adapter` lacks to run a variant, in sentences.
 * @param {VariantTable} needs
 * @param {GPUAdapter | null | undefined} adapter
 * @param {Language} gpu
 * @returns {string[]}
 */
export function findMissing(needs, adapter, gpu) {
  if (adapter === null || adapter === undefined) return ['there is no WebGPU adapter'];
  return [...findMissingOfDevice(needs, adapter, adapter.info), ...findMissingOfLanguage(needs, gpu)];
}

/**
 * The same for what an adapter and a device have alike.
 * @param {VariantTable} needs
 * @param {Pick<GPUDevice, 'features' | 'limits'>} device
 * @param {Partial<GPUAdapterInfo> | undefined} info
 * @returns {string[]}
 */
export function findMissingOfDevice(
  { requiredFeatures, requiredLimits, leastSubgroupSize },
  { features, limits },
  info,
) {
  const lacking = requiredFeatures.filter((name) => !features.has(name));
  const numbers = /** @type {Readonly<Record<string, number>>} */ (/** @type {unknown} */ (limits));
  const low = Object.entries(requiredLimits).filter(([name, least]) => !((numbers[name] ?? 0) >= least));
  const subgroup = info?.subgroupMinSize ?? leastSubgroup;
  return [
    ...lacking.map((name) => `the feature ${name} is missing`),
    ...low.map(([name, least]) => `the limit ${name} is ${numbers[name]}, ${least} is needed`),
    ...(leastSubgroupSize > 1 && lacking.length === 0 && subgroup < leastSubgroupSize
      ? [`a subgroup may have ${subgroup} invocations, ${leastSubgroupSize} are needed`]
      : []),
  ];
}

/**
 * The same for WGSL's language features, which no device is asked for.
 * @param {VariantTable} needs
 * @param {Language} gpu
 * @returns {string[]}
 */
export function findMissingOfLanguage({ languageFeatures }, gpu) {
  const known = gpu?.wgslLanguageFeatures;
  if (known === undefined && languageFeatures.length > 0)
    return [`WGSL's language features cannot be told: pass the GPU object`];
  return languageFeatures
    .filter((name) => known?.has(name) !== true)
    .map((name) => `the WGSL language feature ${name} is missing`);
}
