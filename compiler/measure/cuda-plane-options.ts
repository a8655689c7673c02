import type { DeviceReply } from '../device/run-on-device.ts';
import type { Environment } from '../support/quikc-cache-root.ts';

export interface CudaPlaneOptions {
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly device: number;
  readonly nvcc?: string | undefined;
  /** The built thread that executes PTX; absent: this thread does. */
  readonly worker?: URL | undefined;
}

/** What the runner says of a GPU. */
export type Gpu = DeviceReply['device'];
