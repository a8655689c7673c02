import type { CudaContract } from '../../ir/call-contract.ts';
import { evaluate } from '../../ir/formula.ts';
import type { DeviceArgument, DeviceBuffer, DeviceJob } from '../device/device-job.ts';
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

function makeContent({ bytes, fill }: CaseBuffer): Uint8Array {
  const content = new Uint8Array(bytes);
  fill?.(0, content);
  return content;
}

/** The grid at M tokens. */
export function extentOf({ launch }: CudaContract, m: number): readonly [number, number, number] {
  const [x, y, z] = launch.grid;
  return [evaluate(x, m), evaluate(y, m), evaluate(z, m)];
}
