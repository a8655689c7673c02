import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { deviceFault } from './device-fault.ts';
import { parseReply, type RunnerSuccess } from './parse-reply.ts';
import { outputFile } from './write-job.ts';

export interface DeviceReply {
  readonly device: RunnerSuccess['device'];
  /** One a launch, as the driver compiled it. */
  readonly functions: RunnerSuccess['functions'];
  /** Content of the buffers marked `download`, after one run on fresh buffers, by index. */
  readonly outputs: ReadonlyMap<number, Uint8Array>;
  readonly timesUs: readonly number[];
  readonly stable: boolean;
}

/** Stages before there is a GPU to speak of. */
const withoutGpu = ['driver', 'device'];

/** What the runner printed of a job, with the outputs that it left in `folder`. */
export function interpretReply(stdout: string, folder: string): Result<DeviceReply, Diagnostic> {
  const parsed = parseReply(stdout);
  if (!parsed.ok) return fail(deviceFault.badReply(parsed.error));
  const reply = parsed.value;
  if (!reply.ok) {
    if (withoutGpu.includes(reply.stage)) return fail(deviceFault.noGpu(reply.error));
    if (reply.stage === 'job' || reply.stage === 'internal') return fail(deviceFault.jobRefused(reply.error));
    return fail(deviceFault.kernelFailed(reply.stage, reply.error));
  }
  if (reply.overwrittenGuards.length > 0) return fail(deviceFault.wroteOutside(reply.overwrittenGuards));
  const outputs = new Map<number, Uint8Array>();
  for (const { buffer, bytes } of reply.outputs) {
    const content = readFileSync(join(folder, outputFile(buffer)));
    if (content.length !== bytes) return fail(deviceFault.badReply(`output ${buffer} is cut off`));
    // Not the Buffer itself, of which slice() makes no copy.
    outputs.set(buffer, new Uint8Array(content.buffer, content.byteOffset, content.length));
  }
  const { device, functions, timesUs, stable } = reply;
  return succeed({ device, functions, outputs, timesUs, stable });
}
