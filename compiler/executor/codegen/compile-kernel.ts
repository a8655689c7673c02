import { roundUp } from '../../support/integer.ts';
import { fail, type Result, succeed } from '../../support/result.ts';
import { SHARED_BASE } from '../memory/shared-memory.ts';
import {
  type PtxEntry,
  type PtxError,
  PtxFault,
  type PtxInstruction,
  type PtxModule,
  type Register,
} from '../parse/ptx-module.ts';
import { type BasicBlock, buildBlocks, type ControlFlow } from './basic-blocks.ts';
import { convert } from './convert-operations.ts';
import { type Definitions, findDefinitions } from './definitions.ts';
import { effectsOf } from './effects.ts';
import { FLOAT_OPERATIONS, isFloatForm } from './float-operations.ts';
import { INTEGER_OPERATIONS, type LaneOperation } from './integer-operations.ts';
import type { KernelContext } from './kernel-context.ts';
import { LaneWriter } from './lane-writer.ts';
import { MEMORY_OPERATIONS } from './memory-operations.ts';
import { cvta, loadParameter, moveOperation, selp, setp } from './move-operations.ts';
import { RegisterFile } from './register-file.ts';
import { WARP_OPERATIONS, type WarpOperation, WarpWriter } from './warp-operations.ts';

/** Lane-local instructions in one generated loop: beyond this V8 takes too long over one function. */
const LONGEST_RUN = 48;

/** A kernel turned into JavaScript, ready to be run any number of times. */
export interface ExecutableKernel {
  readonly entry: PtxEntry;
  readonly flow: ControlFlow;
  readonly file: RegisterFile;
  /** Bytes of shared memory the text itself declares; the launch adds the dynamic part. */
  readonly staticSharedBytes: number;
  /** The generated text: a function of the run time's objects that gives one function per block. */
  readonly source: string;
}

/** Generates the executable form of one entry. Anything not understood is an error that names its PTX line. */
export function compileKernel(module: PtxModule, entryName: string): Result<ExecutableKernel, PtxError> {
  const entry = module.entries.find(({ name }) => name === entryName);
  if (entry === undefined) return fail({ line: 0, message: `no entry named ${entryName}` });
  try {
    return succeed(compileEntry(entry));
  } catch (fault) {
    if (fault instanceof PtxFault) return fail({ line: fault.line, message: fault.message });
    throw fault;
  }
}

function compileEntry(entry: PtxEntry): ExecutableKernel {
  const flow = buildBlocks(entry);
  const definitions = findDefinitions(flow, entry.registers.length);
  const predicates = entry.registers.filter((register) => register.class === 'pred').length;
  const file = new RegisterFile(predicates + definitions.tracked.size);
  const { symbols, bytes } = placeShared(entry);
  const context = contextOf(entry, flow, file, definitions, symbols);
  const runs = splitRuns(flow);
  const isLocal = localTo(flow, runs);
  const functions = flow.blocks.map((block, number) =>
    blockFunction(context, flow, block, number, runs, isLocal),
  );
  return {
    entry,
    flow,
    file,
    staticSharedBytes: bytes,
    source: `'use strict';\n${functions.join('\n')}\nreturn [${flow.blocks.map((_, k) => `block${k}`).join(', ')}];`,
  };
}

function placeShared(entry: PtxEntry): { symbols: ReadonlyMap<string, number>; bytes: number } {
  const symbols = new Map<string, number>();
  let bytes = 0;
  const inOrder = [...entry.shared].sort((a, b) => Number(a.dynamic) - Number(b.dynamic));
  for (const array of inOrder) {
    bytes = roundUp(bytes, array.align);
    symbols.set(array.name, SHARED_BASE + bytes);
    bytes += array.bytes;
  }
  return { symbols, bytes };
}

function contextOf(
  entry: PtxEntry,
  flow: ControlFlow,
  file: RegisterFile,
  definitions: Definitions,
  symbols: ReadonlyMap<string, number>,
): KernelContext {
  const read = new Set(flow.instructions.flatMap((at) => effectsOf(at).reads.map(({ id }) => id)));
  const parameters = new Map(entry.parameters.map(({ name, offset }) => [name, offset]));
  return {
    file,
    symbol: (name) => symbols.get(name),
    parameter: (name) => parameters.get(name),
    isUnproven: definitions.isUnproven,
    isTracked: (register) => definitions.tracked.has(register.id),
    isRead: (register) => read.has(register.id),
  };
}

function isLaneLocal(instruction: PtxInstruction): boolean {
  const { opcode, modifiers } = instruction;
  if (opcode === 'ld') return modifiers[0] === 'param';
  return !(opcode in MEMORY_OPERATIONS || opcode in WARP_OPERATIONS || isControl(instruction));
}

function isControl({ opcode }: PtxInstruction): boolean {
  return ['bra', 'ret', 'exit', 'bar', 'barrier'].includes(opcode);
}

/** Number of the run each lane-local instruction belongs to; -1 for the others. */
function splitRuns({ instructions, blocks }: ControlFlow): Int32Array {
  const runs = new Int32Array(instructions.length).fill(-1);
  let run = 0;
  for (const { first, end } of blocks) {
    run += 1;
    let length = 0;
    for (let index = first; index < end; index += 1) {
      const instruction = instructions[index];
      if (instruction === undefined || !isLaneLocal(instruction)) {
        run += 1;
        length = 0;
        continue;
      }
      if (length === LONGEST_RUN) {
        run += 1;
        length = 0;
      }
      runs[index] = run;
      length += 1;
    }
  }
  return runs;
}

/** Whether a register is named in one run only, so that it never needs to leave the locals. */
function localTo({ instructions }: ControlFlow, runs: Int32Array): (register: Register) => boolean {
  const home = new Map<number, number>();
  for (const [index, instruction] of instructions.entries()) {
    const run = runs[index] ?? -1;
    const { reads, writes } = effectsOf(instruction);
    for (const register of [...reads, ...writes]) {
      const known = home.get(register.id);
      home.set(register.id, run === -1 || (known !== undefined && known !== run) ? -1 : run);
    }
  }
  // A value kept from one trip of a loop to the next is read before it is written: it must be in the file.
  const written = new Set<number>();
  for (const instruction of instructions) {
    const { reads, writes } = effectsOf(instruction);
    for (const register of reads) if (!written.has(register.id)) home.set(register.id, -1);
    for (const register of writes) {
      if (instruction.guard === null) written.add(register.id);
      else if (!written.has(register.id)) home.set(register.id, -1);
    }
  }
  return (register) => (home.get(register.id) ?? -1) !== -1;
}

function laneOperation(context: KernelContext, instruction: PtxInstruction): LaneOperation | undefined {
  const { opcode } = instruction;
  if (opcode === 'mov') return moveOperation(context);
  if (opcode === 'ld') return loadParameter(context);
  if (opcode === 'setp') return setp;
  if (opcode === 'selp') return selp;
  if (opcode === 'cvt') return convert;
  if (opcode === 'cvta') return cvta;
  return isFloatForm(instruction) ? FLOAT_OPERATIONS[opcode] : INTEGER_OPERATIONS[opcode];
}

function unknown(instruction: PtxInstruction): PtxFault {
  return new PtxFault(instruction.line, `not known to the executor: ${instruction.spelling}`);
}

function blockFunction(
  context: KernelContext,
  { instructions }: ControlFlow,
  { first, end, terminator }: BasicBlock,
  number: number,
  runs: Int32Array,
  isLocal: (register: Register) => boolean,
): string {
  const parts: string[] = [];
  let answer = 'mask';
  let lanes: LaneWriter | undefined;
  let run = -1;
  const flush = () => {
    if (lanes !== undefined) parts.push(lanes.finish());
    lanes = undefined;
  };
  for (let index = first; index < end; index += 1) {
    const instruction = instructions[index];
    if (instruction === undefined) continue;
    const home = runs[index] ?? -1;
    if (home === -1 || home !== run) flush();
    run = home;
    if (home !== -1) {
      lanes ??= new LaneWriter(context, isLocal);
      const writer = lanes;
      const operation = laneOperation(context, instruction);
      if (operation === undefined) throw unknown(instruction);
      writer.add(instruction, index, () => {
        if (!operation(writer, instruction)) throw unknown(instruction);
      });
    } else if (index === end - 1 && terminator.kind !== 'fall') {
      answer = guardMask(context, instruction);
      parts.push(...definednessChecks(context, instruction, index, 'mask'));
    } else parts.push(warpStatement(context, instruction, index));
  }
  flush();
  return `function block${number}(b, mask, w) {\n${parts.join('\n')}\nreturn ${answer};\n}`;
}

function guardMask(context: KernelContext, { guard }: PtxInstruction): string {
  if (guard === null) return 'mask';
  return `mask & ${guard.negated ? '~' : ''}I[b + ${context.file.offset(guard.register)}]`;
}

function definednessChecks(
  context: KernelContext,
  instruction: PtxInstruction,
  index: number,
  mask: string,
): string[] {
  return effectsOf(instruction)
    .reads.filter((register) => context.isUnproven(index, register))
    .map((register) => {
      const at = context.file.definedOffset(register);
      return `R.unsetLanes(${index}, ${mask} & ~I[b + ${at}], ${JSON.stringify(register.name)});`;
    });
}

const inlineBarrier: WarpOperation = (w) => {
  const { modifiers, operands } = w.instruction;
  if (w.instruction.spelling === 'bar.warp.sync')
    return `R.warpSync(${w.index}, g, ${w.uniform(operands[0])});`;
  if (!modifiers.every((m) => m === 'arrive' || m === 'aligned' || m === 'cta') || operands.length !== 2)
    return undefined;
  const aligned = w.instruction.opcode === 'bar' || modifiers.includes('aligned');
  return `R.arrive(${w.index}, g, ${w.uniform(operands[0])}, ${w.uniform(operands[1])}, ${aligned});`;
};

function warpStatement(context: KernelContext, instruction: PtxInstruction, index: number): string {
  const { opcode, modifiers } = instruction;
  const operation = isControl(instruction)
    ? inlineBarrier
    : (MEMORY_OPERATIONS[opcode] ?? WARP_OPERATIONS[opcode]);
  const call = operation?.(new WarpWriter(context, instruction, index));
  if (call === undefined) throw unknown(instruction);
  const marks = effectsOf(instruction)
    .writes.filter((register) => context.isTracked(register))
    .map((register) => `I[b + ${context.file.definedOffset(register)}] |= g;`);
  const aligned = modifiers.includes('aligned')
    ? [`if (g !== R.launched(w)) R.partialMask(${index}, g);`]
    : [];
  return [
    '{',
    `const g = ${guardMask(context, instruction)};`,
    'if (g !== 0) {',
    ...aligned,
    ...definednessChecks(context, instruction, index, 'g'),
    call,
    ...marks,
    '}',
    '}',
  ].join('\n');
}
