// Part of a package that quikc wrote: what index.js tells the modules that are the same in each.

/** What index.js has: `sites` by variant. */
export interface BundleTables extends Omit<Tables, 'sites'> {
  /** From the one that asks for least of a device to the best. */
  readonly variants: Readonly<Record<string, VariantTable>>;
  readonly sites: Readonly<Record<string, Tables['sites']>>;
}

export interface VariantTable {
  readonly requiredFeatures: readonly GPUFeatureName[];
  readonly requiredLimits: Readonly<Record<string, number>>;
  readonly languageFeatures: readonly string[];
  readonly leastSubgroupSize: number;
}

/** A variant's part of it. */
export interface Tables {
  readonly model: string;
  readonly dtype: 'f16' | 'bf16';
  readonly kernels: Readonly<Record<string, KernelTable>>;
  readonly sites: Readonly<Record<string, SiteTable>>;
  readonly layers: Readonly<Record<string, LayerTable>>;
}

export interface KernelTable {
  readonly arguments: readonly ArgumentTable[];
  /** More tokens are launches of so many each, the last of the rest. */
  readonly tokensAtOnce: number;
  readonly dispatches: readonly DispatchTable[];
}

export interface DispatchTable {
  readonly entryPoint: string;
  readonly workgroups: (M: number) => [number, number, number];
  /** Places of the arguments that it binds. */
  readonly binds: readonly number[];
  /** By such a place, where not all of the argument is bound: offset and bytes. */
  readonly ranges?: Readonly<Record<number, readonly [offset: number, bytes: number]>>;
  /** Of 16 channels, where the dispatch computes a part of them. */
  readonly firstBlock?: number;
}

export interface ArgumentTable {
  readonly name: string;
  readonly access: 'read' | 'write' | 'read-write';
  readonly bytes: (M: number) => number;
  /** From one token's row to the next; absent where it has none. */
  readonly rowBytes?: number;
}

export interface SiteTable {
  readonly quantize: LaunchTable;
  readonly linears: Readonly<Record<string, LaunchTable>>;
}

/** Kernels by range of M, ends included. */
export type LaunchTable = readonly { readonly from: number; readonly to: number; readonly kernel: string }[];

export interface LayerTable {
  readonly site: string;
  readonly linear: string;
  /** Numbers of the model's layers that are packed so; both absent where there is one, without a number. */
  readonly first?: number;
  readonly last?: number;
  /** What its packed tensors must have been made for. */
  readonly spec: string;
  /** The model's name of it; in two parts where a layer's number goes between them. */
  readonly name: readonly string[];
  /** Bytes of each packed argument. */
  readonly bytes: Readonly<Record<string, number>>;
}
