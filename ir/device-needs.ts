/** What a kernel asks of a device beyond what all of its language's have; or, of a device, what it has of that. */
export interface DeviceNeeds {
  /** GPUFeatureName of each feature that the device must be created with. */
  readonly features: readonly string[];
  /** WGSL language features that the implementation must have. */
  readonly languageFeatures: readonly string[];
  /** Invocations of a subgroup below which the kernel is wrong: 1 if it does not ask for subgroups, 4 if any will do. */
  readonly leastSubgroupSize: number;
}

export const noNeeds: DeviceNeeds = { features: [], languageFeatures: [], leastSubgroupSize: 1 };

/** A set of kernels, one for every M of every site, for the devices that have what all of them ask for. */
export interface Variant extends DeviceNeeds {
  readonly name: string;
}
