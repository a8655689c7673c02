import type { z } from 'zod';
import type { ContractOf } from '../../ir/call-contract.ts';
import type { Dialect, FamilyName, ProblemOf, ScheduleOf, SpecOf } from '../../ir/kernel-spec.ts';
import type { CudaResources, ManifestResources, Tolerance } from '../../ir/manifest.ts';
import type { CudaTarget, TargetOf } from '../../targets/target.ts';
import type { PrologueRoundings } from '../reference/prologue.ts';

export type Support =
  | { readonly supported: true }
  | { readonly supported: false; readonly reason: string; readonly nearest?: string };

/** Why a schedule is not legal for a problem: a short kind to count by, and the sentence with the numbers. */
export interface Rejection {
  readonly kind: string;
  readonly reason: () => string;
}

/** What a schedule is expected to need; checked against ptxas after the build. */
export interface ResourceEstimate {
  readonly threads: number;
  /** Registers a thread below which ptxas spills, fitted; where there are more, it takes more to hoist loads. */
  readonly registers: number;
  /** What the launch bounds leave a thread: ptxas never takes more. */
  readonly registerCap: number;
  readonly sharedBytes: number;
}

/** One term of the modelled time bound, in microseconds on the target's reference GPU. */
export interface CostTerm {
  readonly name: string;
  readonly microseconds: number;
  /** The arithmetic behind it, in words and numbers. */
  readonly how: string;
}

/** A modelled lower bound for one launch: never a measurement. */
export interface CostEstimate {
  readonly microseconds: number;
  /** Made only when somebody asks: thousands of schedules are estimated for each one that is explained. */
  readonly terms: () => readonly CostTerm[];
  /** Fraction of the mixed-precision roofline that the estimate reaches, 0…1. */
  readonly rooflineFraction: number;
  readonly waves: number;
}

/** What a built kernel takes, and what its execution counted. */
export interface CountedFigures {
  /** A thread's, by ptxas. */
  readonly registers: number;
  /** Wavefronts of shared memory over the least for the bytes asked for. */
  readonly sharedFactor: number;
  /** Sectors of global memory over the least for the bytes asked for. */
  readonly sectorFactor: number;
}

/** Tokens from `from` to `to`; without `to`, all from there on. */
export interface TokenRange {
  readonly from: number;
  readonly to?: number;
}

/** Tensor-core instructions by SASS class: as they stand in the text (checked in the cubin), or as executed. */
export interface MmaExpectation {
  readonly imma: number;
  readonly hmma: number;
}

/** The Handlebars template of a kernel, the fillers of its slots, and the plain object it prints. */
export interface KernelView {
  readonly template: string;
  readonly slots: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A template with the schema of its view and, per slot, every filler that a view may choose: what the linter checks. */
export interface TemplateContract {
  readonly template: string;
  readonly schema: z.ZodType;
  readonly slots: Readonly<Record<string, readonly string[]>>;
}

/** One argument buffer of a verification case. Inputs are generated on demand from their byte offset. */
export interface CaseBuffer {
  readonly argument: string;
  readonly bytes: number;
  readonly access: 'input' | 'output' | 'workspace';
  /**
   * Fills `into` with the bytes at `offset`; offsets and lengths are multiples of 16 save for the buffer's end. An
   * output's fill is what stands there before the launch, so that stray writes show: to the shadow memory those bytes
   * are unset all the same. A workspace's is zeros, and set.
   */
  readonly fill?: (offset: number, into: Uint8Array) => void;
}

export type CtaIndex = readonly [x: number, y: number, z: number];

/** The largest error found, as a fraction of its own derived bound, and where. */
export interface Comparison {
  readonly elements: number;
  readonly failures: number;
  readonly worst: number;
  readonly worstAt: string;
  readonly notes: readonly string[];
}

/** A kernel, M, and data: what goes in, and what the float64 oracle says must come out. */
export interface VerificationCase {
  readonly name: string;
  readonly m: number;
  readonly buffers: readonly CaseBuffer[];
  /**
   * Compares what `ctas` had to write; `read(argument, offset, length)` returns the kernel's output bytes. Unless the
   * whole grid ran, nothing may stand around what they wrote.
   */
  compare(
    read: (argument: string, offset: number, length: number) => Uint8Array,
    ctas: readonly CtaIndex[],
    ran?: 'ctas' | 'whole-grid',
  ): Comparison;
}

/** All that quikc knows of one kind of kernel in one language. Stages are thin engines over this. */
export interface KernelFamily<F extends FamilyName, D extends Dialect = Dialect> {
  readonly name: F;
  supports(problem: ProblemOf<F>, target: TargetOf<D>): Support;
  /** The kernel's id: file name, symbol, manifest key and test name. */
  kernelId(spec: SpecOf<F, D>): string;
  contract(spec: SpecOf<F, D>): ContractOf<D>;
  enumerate(problem: ProblemOf<F>, target: TargetOf<D>): Iterable<ScheduleOf<F, D>>;
  reject(problem: ProblemOf<F>, schedule: ScheduleOf<F, D>, target: TargetOf<D>): Rejection | undefined;
  /** `counted`: what is known once the kernel was built and executed, in place of what is assumed before. */
  estimate(
    problem: ProblemOf<F>,
    schedule: ScheduleOf<F, D>,
    target: TargetOf<D>,
    m: number,
    counted?: CountedFigures,
  ): CostEstimate;
  /** What the outlier columns add to time and weight bytes, against quantising all columns; undefined without any. */
  outlierCost(
    problem: ProblemOf<F>,
    schedule: ScheduleOf<F, D>,
    target: TargetOf<D>,
    m: number,
  ): { readonly microseconds: number; readonly weightBytes: number } | undefined;
  /** Token counts with which a range of M ends, ascending: beyond each another kernel may be better. */
  readonly rangeEdges: readonly number[];
  /** Whether a legal schedule is meant for all M of a range. */
  servesRange(schedule: ScheduleOf<F, D>, range: TokenRange): boolean;
  /** What one sees of a schedule from afar, e.g. tile and warps: runners-up of other shapes tell more than variants. */
  shapeOf(schedule: ScheduleOf<F, D>): string;
  readonly templates: readonly TemplateContract[];
  /** Widths in bits, e.g. `w4a4`. */
  widths(problem: ProblemOf<F>): string;
  /** Operation, widths and sizes on one line of a table. */
  describeProblem(problem: ProblemOf<F>): string;
  view(spec: SpecOf<F, D>, context: ViewContext): KernelView;
  /** What the kernel takes and asks for; `built`: what its machine code says, where there is any. */
  describeResources(spec: SpecOf<F, D>, target: TargetOf<D>, built?: BuiltResources): ManifestResources;
  /** How far each output may be from the float64 oracle, as docs/numerics.md derives it. */
  tolerances(spec: SpecOf<F, D>): readonly Tolerance[];
  /** Up to `limit` output tiles' CTAs: corners, ragged edges, inside; those of a split group always together. */
  sampleCtas(spec: SpecOf<F, D>, m: number, limit: number, seed: number): readonly CtaIndex[];
  cases(spec: SpecOf<F, D>, m: number, seed: number): readonly VerificationCase[];
  /** Rough work of verifying `tiles` output tiles (all of them if absent) at M tokens, in integer MACs. */
  verificationCost(spec: SpecOf<F, D>, m: number, tiles?: number): number;
}

/** What is asked of linears alone. */
export interface LinearFamily<D extends Dialect = Dialect> extends KernelFamily<'linear', D> {
  /** Roundings between the exact sum of a value's terms and the kernel's: c of docs/numerics.md. */
  roundings(spec: SpecOf<'linear', D>): number;
}

/** What is asked of quantizes alone. */
export interface QuantizeFamily<D extends Dialect = Dialect> extends KernelFamily<'quantize', D> {
  /** How the kernel rounds on the way to codes. */
  roundings(spec: SpecOf<'quantize', D>): QuantizeRoundings;
}

/** Roundings of docs/numerics.md, 1 and 2, that a quantize's arithmetic comes to. */
export interface QuantizeRoundings {
  readonly prologue: PrologueRoundings;
  readonly scale: number;
  readonly code: number;
}

/** What the machine code of a kernel says of itself. */
export type BuiltResources = NonNullable<CudaResources['built']>;

/** What is asked of CUDA kernels alone: registers, shared memory, machine code. */
export interface CudaFamily<F extends FamilyName> extends KernelFamily<F, 'cuda'> {
  resources(problem: ProblemOf<F>, schedule: ScheduleOf<F, 'cuda'>, target: CudaTarget): ResourceEstimate;
  /** Tensor-core instructions in the kernel's text. */
  staticMma(spec: SpecOf<F, 'cuda'>): MmaExpectation;
  /** Subroutine calls that its machine code may hold. */
  readonly callsAllowed: number;
  /** Tensor-core instructions that CTA `cta` executes for M tokens, all warps together. */
  executedMma(spec: SpecOf<F, 'cuda'>, cta: CtaIndex, m: number): MmaExpectation;
  /** Bytes that CTA `cta` has to move through shared memory if each goes in once and out once. */
  leastSharedBytes(spec: SpecOf<F, 'cuda'>, cta: CtaIndex, m: number): number;
}

/**
 * Every family of a language by name, for code that is the same for all: the caller sees to it that family, problem,
 * schedule and target belong together, e.g. by taking all from one spec.
 */
export interface FamilyTable {
  readonly linear: Pick<LinearFamily, 'roundings'> & AnyFamily;
  readonly quantize: Pick<QuantizeFamily, 'roundings'> & AnyFamily;
}
export type CudaFamilyTable = Readonly<Record<FamilyName, AnyCudaFamily>>;
type AnyFamily = { readonly [P in keyof KernelFamily<FamilyName>]: KernelFamily<FamilyName>[P] };
type AnyCudaFamily = { readonly [P in keyof CudaFamily<FamilyName>]: CudaFamily<FamilyName>[P] };

/** Channels n0 … n1 - 1 x tokens m0 … m1 - 1 of y, and the CTAs that compute them. */
export interface OutputTile {
  readonly n0: number;
  readonly n1: number;
  readonly m0: number;
  readonly m1: number;
  readonly ctas: readonly CtaIndex[];
}

export interface CudaLinearFamily extends CudaFamily<'linear'>, LinearFamily<'cuda'> {
  /** The tile of the last channels and the last tokens: the ragged one, if there is one. */
  lastTile(spec: SpecOf<'linear', 'cuda'>, m: number): OutputTile;
}

export interface CudaQuantizeFamily extends CudaFamily<'quantize'>, QuantizeFamily<'cuda'> {}

/** What a view prints beyond its spec: who the kernel is for, and why it looks as it does. */
export interface ViewContext {
  readonly id: string;
  readonly specHash: string;
  readonly version: string;
  readonly templatesDigest: string;
  readonly scheme: string;
  readonly serves: readonly string[];
  readonly whyThisSchedule: readonly string[];
}
