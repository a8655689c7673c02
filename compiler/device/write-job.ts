import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../support/assert.ts';
import type { DeviceArgument, DeviceJob } from './device-job.ts';

export const jobFile = 'job.txt';

/** The file in a job's folder that the runner writes buffer `index` to. */
export function outputFile(index: number): string {
  return `b${index}.out`;
}

/** Files of modules and of buffers' contents in a folder; the same content has one file, and a file keeps its content. */
export interface ContentFiles {
  /** The name of the file that holds `content`. */
  put(content: string | Uint8Array): string;
}

export function contentFiles(folder: string): ContentFiles {
  const texts = new Map<string, string>();
  const bytes = new WeakMap<Uint8Array, string>();
  let count = 0;
  return {
    put(content) {
      const known = typeof content === 'string' ? texts.get(content) : bytes.get(content);
      if (known !== undefined) return known;
      const name = `c${count++}.bin`;
      writeFileSync(join(folder, name), content);
      if (typeof content === 'string') texts.set(content, name);
      else bytes.set(content, name);
      return name;
    },
  };
}

/** Writes a job as the runner reads it (format: job.h): one text file; modules and contents through `files`. */
export function writeJob(
  job: DeviceJob,
  folder: string,
  files: ContentFiles = contentFiles(folder),
  name: string = jobFile,
): void {
  const lines = ['quikc-job 1', `device ${job.device ?? 0}`];
  for (const image of job.modules) lines.push(`module ${files.put(image)}`);
  for (const [index, buffer] of job.buffers.entries()) {
    const output = buffer.download ? outputFile(index) : '-';
    if (typeof buffer.content === 'number') {
      lines.push(`buffer ${buffer.bytes} fill ${buffer.content} ${output}`);
      continue;
    }
    assert(buffer.content.length === buffer.bytes, `buffer ${index} has the bytes that it states`);
    lines.push(`buffer ${buffer.bytes} file ${files.put(buffer.content)} ${output}`);
  }
  for (const launch of job.launches) {
    const { module, symbol, grid, block, dynamicSharedBytes } = launch;
    assert(/^[\w$]+$/.test(symbol), `a kernel symbol is a plain word, not ${JSON.stringify(symbol)}`);
    lines.push(`launch ${[module, symbol, ...grid, ...block, dynamicSharedBytes].join(' ')}`);
    lines.push(...launch.arguments.map((argument) => `arg ${argumentText(argument)}`));
  }
  const { warmup, repeat, flushBytes } = job.timing ?? { warmup: 0, repeat: 0, flushBytes: 0 };
  lines.push(`warmup ${warmup}`, `repeat ${repeat}`, `flush ${flushBytes}`, 'end', '');
  writeFileSync(join(folder, name), lines.join('\n'));
}

function argumentText(argument: DeviceArgument): string {
  return 'buffer' in argument ? `buffer ${argument.buffer}` : `${argument.type} ${argument.value}`;
}
