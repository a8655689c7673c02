import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../support/assert.ts';
import type { DeviceArgument, DeviceJob } from './device-job.ts';

export const jobFile = 'job.txt';

/** The file in a job's folder that the runner writes buffer `index` to. */
export function outputFile(index: number): string {
  return `b${index}.out`;
}

/** Writes a job as the runner reads it (format: job.h): one text file, and one file a module and given buffer. */
export function writeJob(job: DeviceJob, folder: string): void {
  const lines = ['quikc-job 1', `device ${job.device ?? 0}`];
  for (const [index, image] of job.modules.entries()) {
    writeFileSync(join(folder, `m${index}.bin`), image);
    lines.push(`module m${index}.bin`);
  }
  for (const [index, buffer] of job.buffers.entries()) {
    const output = buffer.download ? outputFile(index) : '-';
    if (typeof buffer.content === 'number') {
      lines.push(`buffer ${buffer.bytes} fill ${buffer.content} ${output}`);
      continue;
    }
    assert(buffer.content.length === buffer.bytes, `buffer ${index} has the bytes that it states`);
    writeFileSync(join(folder, `b${index}.in`), buffer.content);
    lines.push(`buffer ${buffer.bytes} file b${index}.in ${output}`);
  }
  for (const launch of job.launches) {
    const { module, symbol, grid, block, dynamicSharedBytes } = launch;
    assert(/^[\w$]+$/.test(symbol), `a kernel symbol is a plain word, not ${JSON.stringify(symbol)}`);
    lines.push(`launch ${[module, symbol, ...grid, ...block, dynamicSharedBytes].join(' ')}`);
    lines.push(...launch.arguments.map((argument) => `arg ${argumentText(argument)}`));
  }
  const { warmup, repeat, flushBytes } = job.timing ?? { warmup: 0, repeat: 0, flushBytes: 0 };
  lines.push(`warmup ${warmup}`, `repeat ${repeat}`, `flush ${flushBytes}`, 'end', '');
  writeFileSync(join(folder, jobFile), lines.join('\n'));
}

function argumentText(argument: DeviceArgument): string {
  return 'buffer' in argument ? `buffer ${argument.buffer}` : `${argument.type} ${argument.value}`;
}
