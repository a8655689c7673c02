import type { Probe } from './probe.ts';

/** Bytes of zeroed scratch memory that each round has, for stores and atomics. */
export const scratchBytes = 4096;

export function probeSymbol({ name }: Probe): string {
  return `probe_${name.replaceAll('-', '_')}`;
}

/** 32-bit words of input a lane. */
export function inputCount({ rounds }: Probe): number {
  return rounds[0]?.length ?? 0;
}

/**
 * A probe as a PTX module: CTA r, one warp, runs round r. Register i of lane l is word i * 32 + l of the round. The
 * body also finds %lane, %source (its round's input, lane 0), %scratch (its round's scratch) and %mine (16 bytes of
 * that for each lane), and may use %r, %f, %h, %rd and %p freely.
 */
export function probeModule(probe: Probe): string {
  const inputs = inputCount(probe);
  const outputs = probe.outputs.length;
  const range = (count: number) => Array.from({ length: count }, (_, index) => index);
  const loads = range(inputs).map((i) => `  ld.global.u32 %a${i}, [%from+${i * 128}];`);
  const stores = range(outputs).map((i) => `  st.global.u32 [%to+${i * 128}], %d${i};`);
  return `.version 8.0
.target sm_80
.address_size 64
.visible .entry ${probeSymbol(probe)}(.param .u64 in, .param .u64 out, .param .u64 scratch)
{
  .reg .b32 %a<20>;
  .reg .b32 %d<8>;
  .reg .b32 %r<16>;
  .reg .f32 %f<8>;
  .reg .b16 %h<8>;
  .reg .b64 %rd<8>;
  .reg .pred %p<8>;
  .reg .b32 %lane, %round;
  .reg .b64 %source, %scratch, %mine, %from, %to, %step;
${probe.declarations === undefined ? '' : `  ${probe.declarations}\n`}  mov.u32 %lane, %tid.x;
  mov.u32 %round, %ctaid.x;
  ld.param.u64 %source, [in];
  mul.wide.u32 %step, %round, ${inputs * 128};
  add.s64 %source, %source, %step;
  ld.param.u64 %to, [out];
  mul.wide.u32 %step, %round, ${outputs * 128};
  add.s64 %to, %to, %step;
  ld.param.u64 %scratch, [scratch];
  mul.wide.u32 %step, %round, ${scratchBytes};
  add.s64 %scratch, %scratch, %step;
  mul.wide.u32 %step, %lane, 16;
  add.s64 %mine, %scratch, %step;
  mul.wide.u32 %step, %lane, 4;
  add.s64 %from, %source, %step;
  add.s64 %to, %to, %step;
${loads.join('\n')}
${probe.body
  .trim()
  .split('\n')
  .map((line) => `  ${line.trim()}`)
  .join('\n')}
${stores.join('\n')}
  ret;
}
`;
}
