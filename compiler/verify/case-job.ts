import type { CudaContract } from '../../ir/call-contract.ts';
import { evaluate } from '../../ir/formula.ts';
import type { DeviceArgument, DeviceBuffer, DeviceJob } from '../device/device-job.ts';
import type { DeviceReply } from '../device/run-on-device.ts';
import type { CaseBuffer, VerificationCase } from '../families/family.ts';

/** One launch of a kernel on a verification case, for a GPU; every buffer that the kernel writes comes back. */
export function toCaseJob(
  id: string,
  contract: CudaContract,
  data: VerificationCase,
  ptx: string,
  contentOf: (buffer: CaseBuffer) => Uint8Array | number = makeContent,
): DeviceJob {
  const buffers = data.buffers.map((buffer): DeviceBuffer => {
    const { bytes, access } = buffer;
    return { bytes, content: contentOf(buffer), download: access !== 'input' };
  });
  const list = contract.arguments.map((argument): DeviceArgument => {
    if (argument.kind === 'token-count') return { type: 'i32', value: data.m };
    return { buffer: data.buffers.findIndex((buffer) => buffer.argument === argument.name) };
  });
  const { block, dynamicSharedBytes } = contract.launch;
  const launch = { module: 0, symbol: id, grid: extentOf(contract, data.m), block, dynamicSharedBytes };
  return { modules: [ptx], buffers, launches: [{ ...launch, arguments: list }] };
}

/** A buffer's bytes; one for all where they are equal, which a GPU fills faster than it reads a file. */
export function makeContent({ bytes, fill }: Pick<CaseBuffer, 'bytes' | 'fill'>): Uint8Array | number {
  const content = new Uint8Array(bytes);
  fill?.(0, content);
  const first = content[0] ?? 0;
  return content.every((byte) => byte === first) ? first : content;
}

/** Reads what a case's launch wrote, by argument, as a comparison asks for it. */
export function readerOf(data: VerificationCase, { outputs }: Pick<DeviceReply, 'outputs'>) {
  return (argument: string, offset: number, length: number): Uint8Array => {
    const index = data.buffers.findIndex((buffer) => buffer.argument === argument);
    return (outputs.get(index) ?? new Uint8Array()).slice(offset, offset + length);
  };
}

/** The grid at M tokens. */
export function extentOf({ launch }: CudaContract, m: number): readonly [number, number, number] {
  const [x, y, z] = launch.grid;
  return [evaluate(x, m), evaluate(y, m), evaluate(z, m)];
}
