/** A kernel that may be timed. */
export interface Candidate {
  /** Names it in records, e.g. a schedule in canonical JSON. */
  readonly key: string;
  /** What tells it from others, as numbers: tile, threads, stages. Near in these, near in time: what the search lives on. */
  readonly features: readonly number[];
  /** Microseconds that the cost model gives it. */
  readonly modelled: number;
}

/** What became of one candidate. */
export type Trial =
  | {
      readonly kind: 'timed';
      readonly key: string;
      readonly modelled: number;
      /** Microseconds, in order; the first launch of each candidate is discarded and not among them. */
      readonly samples: readonly number[];
    }
  | {
      readonly kind: 'failed';
      readonly key: string;
      readonly modelled: number;
      readonly stage: FailedStage;
      readonly reason: string;
    };

/** Where a candidate fell: a wrong result is never timed, and so never recorded as a winner. */
export type FailedStage = 'build' | 'verify' | 'time';
