/** The PTX executor: runs the text nvcc emits on the CPU and reports what is wrong with it. Stands alone. */
export { compileKernel, type ExecutableKernel } from './codegen/compile-kernel.ts';
export { type BufferSpec, GlobalMemory } from './memory/global-memory.ts';
export { parsePtx } from './parse/parse-ptx.ts';
export { type ExecutionOptions, execute } from './run/execute.ts';
export type { ExecutionReport, Violation } from './run/report.ts';
