import { assert } from '../../support/assert.ts';
import { roundUp } from '../../support/integer.ts';
import type { ExecutableKernel } from '../codegen/compile-kernel.ts';
import { AsyncCopies } from '../memory/async-copies.ts';
import { GlobalAccess } from '../memory/global-access.ts';
import type { GlobalMemory } from '../memory/global-memory.ts';
import { Ordering } from '../memory/ordering.ts';
import { SharedAccess } from '../memory/shared-access.ts';
import { SharedMemory } from '../memory/shared-memory.ts';
import * as numeric from '../numeric/index.ts';
import { instantiateBulkOperations } from '../wasm/bulk-operations.ts';
import { SCRATCH_BYTES } from '../wasm/integer-mma.ts';
import { Barriers } from './barriers.ts';
import { buildReport } from './build-report.ts';
import { type BlockFunction, CtaScheduler } from './cta-scheduler.ts';
import { type Dim3, Machine } from './machine.ts';
import { packArguments } from './pack-arguments.ts';
import type { ExecutionReport } from './report.ts';
import { shuffled } from './shuffled.ts';
import { WarpRuntime } from './warp-runtime.ts';

export interface Launch {
  readonly grid: Dim3;
  readonly block: Dim3;
  /** Bytes of `extern __shared__` memory. */
  readonly dynamicSharedBytes?: number;
  /** One value per parameter: addresses as bigint, integers and floats as numbers, structures as bytes. */
  readonly arguments: readonly (bigint | number | Uint8Array)[];
}

export interface ExecutionOptions {
  /** Orders warps and CTAs and picks the errors of approximate instructions. */
  readonly seed?: number;
  /** Shadow memory, clocks and register tracking; bounds and alignment are checked always. Default true. */
  readonly checks?: boolean;
  /** CTAs to run, by linear index (x fastest). Default: the whole grid. */
  readonly ctas?: readonly number[];
  /** Keep the order of `ctas` instead of drawing one: for kernels in which a CTA waits for an earlier one. */
  readonly inOrder?: boolean;
  /** Warp instructions one CTA may execute before it counts as hung. Default 2e8. */
  readonly stepLimit?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Executes a launch on the given memory. Faults of the kernel are in the report; it throws only for faults of ours. */
export function execute(
  kernel: ExecutableKernel,
  launch: Launch,
  memory: GlobalMemory,
  options: ExecutionOptions = {},
): ExecutionReport {
  const seed = options.seed ?? 1;
  const { instructions } = kernel.flow;
  const threads = launch.block[0] * launch.block[1] * launch.block[2];
  assert(threads >= 1 && threads <= 1024, 'a CTA has 1 to 1024 threads');
  const warps = Math.ceil(threads / 32);
  const sharedBytes = kernel.staticSharedBytes + (launch.dynamicSharedBytes ?? 0);
  const fileBytes = roundUp(kernel.file.size * 4, 128);
  const firstFile = roundUp(SCRATCH_BYTES, 128);
  const firstShared = firstFile + fileBytes * warps;
  const ordering = new Ordering(memory.clock);
  const checks = options.checks ?? true;
  const machine = new Machine(instructions, firstShared + sharedBytes + 64, ordering, launch, {
    seed,
    checks,
  });
  const live = new Int32Array(warps);
  const barriers = new Barriers(machine, warps, threads);
  const runtime = new WarpRuntime(machine, barriers, warps, live);
  const shared = new SharedMemory(machine, firstShared >> 2, sharedBytes, warps);
  const global = new GlobalAccess(machine, memory);
  const copies = new AsyncCopies(machine, shared, global);
  const blocks = instantiate(
    kernel,
    machine,
    runtime,
    shared,
    global,
    copies,
    packArguments(kernel.entry, launch.arguments),
  );
  const scheduler = new CtaScheduler(kernel, machine, barriers, blocks, {
    warps,
    threads,
    live,
    firstFile: firstFile >> 2,
    fileWords: fileBytes >> 2,
    stepLimit: options.stepLimit ?? 2e8,
  });
  ordering.startLaunch();
  const total = launch.grid[0] * launch.grid[1] * launch.grid[2];
  const listed = options.ctas ?? Array.from({ length: total }, (_, cta) => cta);
  const order = options.inOrder === true ? listed : shuffled(listed, seed);
  for (const [done, cta] of order.entries()) {
    assert(cta >= 0 && cta < total, 'the CTA is inside the grid');
    options.onProgress?.(done, order.length);
    const [gridX, gridY] = launch.grid;
    machine.block = [cta % gridX, Math.floor(cta / gridX) % gridY, Math.floor(cta / (gridX * gridY))];
    ordering.startCta(cta);
    shared.reset();
    copies.reset(warps);
    barriers.reset();
    scheduler.run(cta);
  }
  options.onProgress?.(order.length, order.length);
  memory.clock = ordering.now + 1;
  return buildReport(kernel, machine, scheduler.blockCounts);
}

function instantiate(
  kernel: ExecutableKernel,
  machine: Machine,
  runtime: WarpRuntime,
  shared: SharedMemory,
  global: GlobalAccess,
  copies: AsyncCopies,
  parameters: Int32Array,
): readonly BlockFunction[] {
  const bulk = Object.fromEntries(instantiateBulkOperations(machine.memory));
  // The kernel's text becomes code here; it is built from parsed PTX only, never from names.
  const factory = new Function('I', 'F', 'R', 'N', 'B', 'S', 'G', 'A', 'P', kernel.source);
  const access = new SharedAccess(machine, shared);
  return factory(
    machine.words,
    machine.floats,
    runtime,
    { ...numeric },
    bulk,
    access,
    global,
    copies,
    parameters,
  );
}
