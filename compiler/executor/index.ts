/** The PTX executor: runs the text nvcc emits on the CPU and reports what is wrong with it. Stands alone. */
export { compileKernel, type ExecutableKernel } from './codegen/compile-kernel.ts';
export { type BufferAccess, type BufferSpec, type FillPage, GlobalMemory } from './memory/global-memory.ts';
export { parsePtx } from './parse/parse-ptx.ts';
export type { PtxEntry, PtxError, PtxModule, SourcePosition } from './parse/ptx-module.ts';
export { type ExecutionOptions, execute, type Launch } from './run/execute.ts';
export type { ExecutionReport, InstructionCounters, Violation, ViolationKind } from './run/report.ts';
