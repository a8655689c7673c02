import { execFile, spawn } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findToolchain } from '../../compiler/build/find-toolchain.ts';
import { kernelFiles } from '../../compiler/package/kernel-files.ts';
import { type Bundle, readBundle } from '../../compiler/package/read-bundle.ts';

// quikc as a user has it: packed, installed elsewhere, run through npx's own script.

const found = await findToolchain({ env: process.env });
// A machine that tests changes must have a compiler: there, its absence fails.
const needsNvcc = describe.skipIf(!found.ok && !process.env['CI']);
const execute = promisify(execFile);
const tinyLlama = resolve('test/fixtures/models/tiny-llama.json');

let root: string;
let quikc: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-packed-')));
  await execute('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', root]);
  const [tarball = ''] = readdirSync(root);
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--silent'];
  await execute('npm', ['install', ...quiet, '--prefix', join(root, 'app'), join(root, tarball)]);
  quikc = join(root, 'app', 'node_modules', '.bin', 'quikc');
  env = {
    ...process.env,
    QUIKC_CACHE: join(root, 'cache'),
    QUIKC_NVCC: found.ok ? found.value.nvcc : '',
  };
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** When to send a signal: so many milliseconds after the start, or once the output has this text. */
type End = { readonly signal: 'SIGKILL' | 'SIGINT' } & (
  | { readonly after: number }
  | { readonly when: string }
);

async function run(args: readonly string[], end?: End, surroundings = env): Promise<Run> {
  const child = spawn(quikc, args, { env: { ...surroundings, QUIKC_DEBUG: '1' }, cwd: root });
  let [out, err] = ['', ''];
  const said = new Promise<void>((done) => {
    child.stderr.on('data', (chunk) => {
      err += chunk;
      if (end !== undefined && 'when' in end && err.includes(end.when)) done();
    });
  });
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  const ended = new Promise<number | null>((done) => child.on('close', done));
  if (end !== undefined) {
    const due = 'after' in end ? sleep(end.after) : said;
    await Promise.race([ended, due.then(() => child.kill(end.signal))]);
  }
  return { code: await ended, out, err };
}

function mustRead(folder: string): Bundle {
  const read = readBundle(folder);
  if (!read.ok) throw new Error(JSON.stringify(read.error, null, 2));
  return read.value;
}

test('npx quikc works where it is installed, examples and templates with it', async () => {
  const { stdout } = await execute('npx', ['quikc', '--help'], { cwd: join(root, 'app') });
  expect(stdout).toContain('compile');
  const example = join(root, 'app', 'node_modules', 'quikc', 'examples', 'llama-2-7b', 'model.json');
  const { code, out } = await run(['compile', example, '--no-build', '-o', 'sources']);
  expect(code).toBe(0);
  expect(out).toContain('llama-2-7b on sm80');
});

needsNvcc('LLaMA-2-7B', () => {
  const example = resolve('examples/llama-2-7b/model.json');

  test('becomes kernels that pass the gate, with ptx and cubin', async () => {
    const { code, out, err } = await run(['compile', example, '-o', 'llama']);
    expect(err).not.toContain('error');
    expect(code).toBe(0);
    expect(out).toMatch(/built with nvcc \d+\.\d+/);
    const bundle = mustRead(join(root, 'llama'));
    const { manifest } = bundle;
    for (const kernel of manifest.kernels) {
      const { ptx, cubin } = kernelFiles(bundle, kernel);
      expect(ptx).toContain(`.entry ${kernel.symbol}(`);
      expect(Buffer.from(cubin!.subarray(1, 4)).toString()).toBe('ELF');
      const { resources } = kernel;
      if (resources.dialect !== 'cuda' || !('ctasPerSm' in kernel.spec.schedule)) throw new Error(kernel.id);
      const { built, estimated, mma, dynamicSharedBytes, residentCtas } = resources;
      expect(built!.registers).toBeLessThanOrEqual(estimated.registerCap);
      // The model counted on so many CTAs an SM: ptxas's registers must leave room for them.
      expect(residentCtas).toBeGreaterThanOrEqual(kernel.spec.schedule.ctasPerSm);
      expect(built!.staticSharedBytes + dynamicSharedBytes).toBe(estimated.sharedBytes);
      expect(built!.spillStoreBytes).toBe(0);
      expect(built!.opcodes['IMMA'] ?? 0).toBe(mma.imma);
      expect(built!.opcodes['HMMA'] ?? 0).toBe(mma.hmma);
    }
    expect(manifest.sites.map(({ id }) => id)).toEqual(['qkv_proj', 'o_proj', 'gate_up_proj', 'down_proj']);
  });

  test('is left as it is when nothing changed, and made again when a file was altered', async () => {
    const sums = join(root, 'llama', 'SHA256SUMS');
    const before = statSync(sums).mtimeMs;
    const again = await run(['compile', example, '-o', 'llama']);
    expect(again.out).toContain('(unchanged, as it was)');
    expect(statSync(sums).mtimeMs).toBe(before);
    const [kernel] = mustRead(join(root, 'llama')).manifest.kernels;
    appendFileSync(join(root, 'llama', kernel!.files.ptx!.path), ' ');
    const mended = await run(['compile', example, '-o', 'llama']);
    expect(mended.out).toContain('(written)');
    mustRead(join(root, 'llama'));
  });

  test('stays built where the compiler has gone: sources alone are worth less', async () => {
    const sums = readFileSync(join(root, 'llama', 'SHA256SUMS'), 'utf8');
    const { code, err } = await run(['compile', example, '-o', 'llama', '--outliers', '64'], undefined, {
      ...env,
      ...{ PATH: dirname(process.execPath), CUDA_HOME: '', QUIKC_NVCC: '', QUIKC_CACHE: join(root, 'empty') },
    });
    expect(code).toBe(3);
    expect(err).toMatch(/QK601[\s\S]*was left alone, --no-build replaces it/);
    expect(readFileSync(join(root, 'llama', 'SHA256SUMS'), 'utf8')).toBe(sums);
  });

  test('is compiled anew for other options: no stale bundle', async () => {
    const { out } = await run(['compile', example, '-o', 'llama', '--outliers', '128', '--no-build']);
    expect(out).toContain('(written, sources only)');
    const { manifest } = mustRead(join(root, 'llama'));
    expect(manifest.built).toBe(false);
    expect(manifest.layers[0]!.outliers.count).toBe(128);
  });
});

describe('whatever happens to a compile, there is a whole bundle', () => {
  const compile = ['compile', tinyLlama, '--no-build', '-o', 'tiny'];

  test('when it is killed at any time', async () => {
    expect((await run(compile)).code).toBe(0);
    let killed = 0;
    for (let after = 60; after <= 600; after += 30) {
      const outliers = after % 60 === 0 ? '8' : '16';
      const { code } = await run([...compile, '--outliers', outliers], { after, signal: 'SIGKILL' });
      if (code === null) killed += 1;
      expect([8, 16]).toContain(mustRead(join(root, 'tiny')).manifest.layers[0]!.outliers.count);
    }
    expect(killed).toBeGreaterThan(2);
  });

  test('when several write to one place at once', async () => {
    const runs = await Promise.all(
      ['8', '16', '24', '8'].map((count) => run([...compile, '--outliers', count])),
    );
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    mustRead(join(root, 'tiny'));
  });
});

needsNvcc('two compiles at once, and an interrupted one', () => {
  test('on one cold cache and one output are both right', async () => {
    const compile = ['compile', tinyLlama, '-o', 'both', '--outliers', '24'];
    const runs = await Promise.all([run(compile), run(compile)]);
    for (const { code, err } of runs) expect(code, err).toBe(0);
    expect(mustRead(join(root, 'both')).manifest.built).toBe(true);
  });

  test('ends in good order on Ctrl-C: exit 130, nothing left over, no compiler still running', async () => {
    rmSync(join(root, 'cache'), { recursive: true, force: true });
    const { code, err } = await run(['compile', tinyLlama, '-o', 'stopped'], {
      when: 'render:',
      signal: 'SIGINT',
    });
    expect(code).toBe(130);
    expect(err).toContain('interrupted');
    expect(readdirSync(root).filter((name) => name === 'stopped' || name.startsWith('quikc-bundle'))).toEqual(
      [],
    );
  });
});
