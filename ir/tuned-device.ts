/** What the times stand for. `model`: the cost model's with built figures, on no device at all. */
export interface TunedDevice {
  readonly kind: 'gpu' | 'adapter' | 'model';
  readonly name: string;
  readonly driver: string;
  /** An adapter that is a CPU: its times rank kernels otherwise than a GPU's. */
  readonly software: boolean;
  /** Streaming multiprocessors, of a GPU. */
  readonly smCount?: number;
}

/** How a launch was timed. Times of different policies are not compared. */
export interface MeasurePolicy {
  readonly clock: 'timestamp-query' | 'submit-to-done' | 'cuda-events' | 'modelled';
  /** Bytes of inputs that are gone through between two launches on the same ones. */
  readonly rotatedBytes: number;
  readonly launchesPerTrial: number;
  readonly finalists: number;
}
