import {
  type BufferSpec,
  compileKernel,
  type ExecutionOptions,
  type ExecutionReport,
  execute,
  GlobalMemory,
  parsePtx,
} from '../../../compiler/executor/index.ts';

const HEADER = '.version 9.0\n.target sm_80\n.address_size 64\n';
const REGISTERS = `.reg .pred %p<16>; .reg .b16 %h<32>; .reg .b32 %r<64>; .reg .b32 %a<16>; .reg .b32 %d<16>;
.reg .f32 %f<32>; .reg .b64 %rd<32>;`;

/** A value or an exception: tests want the message. */
export function compileText(text: string, entry: string) {
  const module = parsePtx(text);
  if (!module.ok) throw new Error(`line ${module.error.line}: ${module.error.message}`);
  const kernel = compileKernel(module.value, entry);
  if (!kernel.ok) throw new Error(`line ${kernel.error.line}: ${kernel.error.message}`);
  return kernel.value;
}

/** A deterministic stream of 32-bit words. */
export function words(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) | 0;
  };
}

/**
 * Runs `body` on one warp: %a0.. hold the inputs (32 words each), %d0.. are read back. The body may use every
 * register of {@link REGISTERS} and `declarations` (shared arrays).
 */
export function runLanes(body: string, inputs: readonly Int32Array[], outputs: number, declarations = '') {
  const loads = inputs.map((_, i) => `ld.global.u32 %a${i}, [%rd30+${i * 128}];`).join('\n');
  const stores = Array.from({ length: outputs }, (_, i) => `st.global.u32 [%rd31+${i * 128}], %d${i};`).join(
    '\n',
  );
  const text = `${HEADER}.visible .entry k(.param .u64 in, .param .u64 out)
{ ${REGISTERS} ${declarations}
mov.u32 %r63, %tid.x; mul.wide.u32 %rd29, %r63, 4;
ld.param.u64 %rd28, [in]; add.s64 %rd30, %rd28, %rd29; ld.param.u64 %rd28, [out]; add.s64 %rd31, %rd28, %rd29;
${loads}
${body}
${stores}
ret; }`;
  const memory = new GlobalMemory();
  const data = new Int32Array(inputs.length * 32);
  for (const [i, input] of inputs.entries()) data.set(input, i * 32);
  const from = memory.add({
    name: 'in',
    bytes: Math.max(4, data.byteLength),
    access: 'input',
    data: new Uint8Array(data.buffer),
  });
  const to = memory.add({ name: 'out', bytes: Math.max(4, outputs * 128), access: 'output' });
  const report = execute(
    compileText(text, 'k'),
    { grid: [1, 1, 1], block: [32, 1, 1], arguments: [from, to] },
    memory,
  );
  const result = new Int32Array(memory.get('out').read(0, outputs * 128).buffer);
  return {
    report,
    outputs: Array.from({ length: outputs }, (_, i) => result.subarray(i * 32, i * 32 + 32)),
  };
}

export interface KernelRun {
  readonly body: string;
  /** Names of 64-bit parameters, one buffer each, in order. */
  readonly buffers: readonly BufferSpec[];
  readonly grid?: number;
  readonly block?: number;
  readonly declarations?: string;
  readonly options?: ExecutionOptions;
}

/** Runs a kernel whose parameters are buffers; %rd0.. hold their addresses, %r0 tid.x, %r1 ctaid.x, %r2 4*tid.x. */
export function runKernel(run: KernelRun): {
  report: ExecutionReport;
  memory: GlobalMemory;
  kinds: string[];
} {
  const parameters = run.buffers.map(({ name }) => `.param .u64 ${name}`).join(', ');
  const loads = run.buffers.map(({ name }, i) => `ld.param.u64 %rd${i}, [${name}];`).join(' ');
  const text = `${HEADER}.visible .entry k(${parameters})
{ ${REGISTERS} ${run.declarations ?? ''}
${loads} mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x; shl.b32 %r2, %r0, 2;
${run.body}
ret; }`;
  const memory = new GlobalMemory();
  const addresses = run.buffers.map((buffer) => memory.add(buffer));
  const report = execute(
    compileText(text, 'k'),
    { grid: [run.grid ?? 1, 1, 1], block: [run.block ?? 64, 1, 1], arguments: addresses },
    memory,
    run.options ?? {},
  );
  return { report, memory, kinds: [...new Set(report.violations.map(({ kind }) => kind))].sort() };
}
