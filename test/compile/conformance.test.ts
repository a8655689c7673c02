import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findToolchain } from '../../compiler/build/find-toolchain.ts';
import { parsePtx } from '../../compiler/executor/index.ts';
import { succeed } from '../../compiler/support/result.ts';
import { llama7b } from '../compiler/compile-fixture.ts';
import { main } from '../conformance/conformance.ts';
import { executorLaboratory } from '../conformance/executor-laboratory.ts';
import { probeModule } from '../conformance/probe-module.ts';
import { probes } from '../conformance/probes.ts';
import { recordVectors } from '../conformance/record-vectors.ts';
import { reportReplay } from '../conformance/report-replay.ts';
import { withoutProbe } from '../conformance/unprobed.ts';
import { fromBase64, toBase64, type Vectors, writeVectors } from '../conformance/vectors.ts';
import { emitModel } from '../golden/golden-files.ts';
import { goldenModels } from '../golden/golden-models.ts';
import { compileTexts } from '../support/kernel-workbench.ts';

const toolchain = await findToolchain({ env: process.env });
// A machine that tests changes must have a compiler: there, its absence fails.
const needsNvcc = describe.skipIf(!toolchain.ok && !process.env['CI']);
const folder = mkdtempSync(join(tmpdir(), 'quikc-conformance-'));
afterAll(() => rmSync(folder, { recursive: true }));

needsNvcc('emitted instructions', () => {
  const used = new Map<string, string>();
  const covered = new Set(probes.flatMap(({ covers }) => covers));

  beforeAll(async () => {
    const texts = new Map<string, string>();
    for (const model of [...goldenModels, { name: 'llama-2-7b', file: llama7b }])
      for (const [id, text] of (await emitModel(model)).texts) texts.set(id, text);
    for (const [id, ptx] of await compileTexts(texts))
      for (const spelling of spellingsOf(ptx)) if (!used.has(spelling)) used.set(spelling, id);
  });

  test('each has a probe, or a reason why it needs none', () => {
    expect(used.size).toBeGreaterThan(80);
    const unprobed = [...used].filter(([spelling]) => !covered.has(spelling) && !(spelling in withoutProbe));
    expect(unprobed.map(([spelling, kernel]) => `${spelling} in ${kernel}`)).toEqual([]);
  });

  test('the list of exceptions holds nothing that is probed or unused', () => {
    const idle = Object.keys(withoutProbe).filter((spelling) => covered.has(spelling) || !used.has(spelling));
    expect(idle).toEqual([]);
  });

  test('one that nobody has seen before is found', () => {
    expect(
      spellingsOf('.version 8.0\n.target sm_80\n.entry k()\n{ .reg .b32 %r<3>; brev.b32 %r1, %r2; ret; }'),
    ).toEqual(new Set(['brev.b32', 'ret']));
    expect(covered.has('brev.b32') || 'brev.b32' in withoutProbe).toBe(false);
  });
});

/** Opcodes as PTX spells them, modifiers and types included. */
function spellingsOf(ptx: string): ReadonlySet<string> {
  const module = parsePtx(ptx);
  if (!module.ok) throw new Error(`line ${module.error.line}: ${module.error.message}`);
  const statements = module.value.entries.flatMap((entry) => entry.statements);
  return new Set(statements.flatMap((one) => (one.kind === 'instruction' ? [one.instruction.spelling] : [])));
}

needsNvcc('probes', () => {
  test('all assemble for sm_80, and for sm_90a, where they will be recorded', async () => {
    if (!toolchain.ok) throw new Error(toolchain.error.message);
    // One file: a driver loads them one by one, an assembler is quicker at once.
    const [head = ''] = probeModule(probes[0]!).split('.visible');
    const bodies = probes.map((probe, index) =>
      // ptxas keeps shared arrays of all kernels under one roof.
      probeModule(probe)
        .slice(head.length)
        .replace(/\b(room|tile)\b/g, `$1_${index}`),
    );
    const file = join(folder, 'probes.ptx');
    writeFileSync(file, head + bodies.join('\n'));
    for (const arch of ['sm_80', 'sm_90a']) {
      const args = ['-arch', arch, '-o', join(folder, 'probes.cubin'), file];
      const { stderr } = await promisify(execFile)(toolchain.value.ptxas, args);
      expect(stderr).toBe('');
    }
  });
});

needsNvcc('a recording, with the executor in place of a GPU', () => {
  const laboratory = executorLaboratory(async (texts) =>
    succeed({ nvcc: 'test', ptx: await compileTexts(texts) }),
  );
  let vectors: Vectors;

  beforeAll(async () => {
    const recorded = await recordVectors(probes, laboratory);
    if (!recorded.ok) throw new Error(JSON.stringify(recorded.error));
    expect(recorded.value.surprises).toEqual([]);
    vectors = recorded.value.vectors;
  });

  const replay = async (changed: Vectors) => {
    const path = writeVectors(folder, changed);
    try {
      return await reportReplay(folder, laboratory);
    } finally {
      rmSync(path);
    }
  };

  test('is small, is replayed bit for bit, and names its GPU', async () => {
    const path = writeVectors(folder, vectors);
    expect(path).toBe(join(folder, 'ptx-executor-no-gpu-driver-0.json'));
    expect(readFileSync(path).length).toBeLessThan(700_000);
    const { text, failed } = await reportReplay(folder, laboratory);
    expect(failed).toBe(false);
    expect(text).toContain('PTX executor (no GPU), driver 0, nvcc test, 2000-01-01');
    expect(text).toContain(`probes   ${probes.length} agree, 0 differ, 0 stale, 0 not recorded`);
    expect(text).toContain(`kernels  ${vectors.kernels.length} agree, 0 differ, 0 stale`);
    expect(vectors.kernels.length).toBeGreaterThan(20);
    rmSync(path);
  });

  test('tells of a kernel whose output differs, by the oracle or bit for bit', async () => {
    const altered = vectors.kernels.map((kernel) => {
      const [[argument = '', text = ''] = []] = Object.entries(kernel.outputs);
      const bytes = fromBase64(text);
      bytes[1] = (bytes[1] ?? 0) ^ 0x55;
      return { ...kernel, outputs: { ...kernel.outputs, [argument]: toBase64(bytes) } };
    });
    const { text, failed } = await replay({ ...vectors, kernels: altered });
    expect(failed).toBe(true);
    expect(text).toContain(`kernels  0 agree, ${altered.length} differ, 0 stale`);
  });

  test('tells of kernels recorded with another text', async () => {
    const [first, ...rest] = vectors.kernels;
    const { text, failed } = await replay({ ...vectors, kernels: [{ ...first!, text: '0' }, ...rest] });
    expect(failed).toBe(false);
    expect(text).toContain(`kernels  ${rest.length} agree, 0 differ, 1 stale`);
  });
});

needsNvcc('npm run conformance -- record, with a stand-in for libcuda', () => {
  test('goes all the way, tells that nothing is right, and stores nothing', async () => {
    const library = join(folder, 'libfake.so');
    const source = join(import.meta.dirname, '../compiler/device/fake-driver.cpp');
    execFileSync('g++', ['-std=c++17', '-shared', '-fPIC', '-o', library, source]);
    const into = join(folder, 'into');
    mkdirSync(into);
    const said = { out: '', err: '' };
    for (const [stream, name] of [
      [process.stdout, 'out'],
      [process.stderr, 'err'],
    ] as const)
      vi.spyOn(stream, 'write').mockImplementation((text) => {
        said[name] += text;
        return true;
      });
    const log = join(folder, 'log');
    const code = await main(['record'], { ...process.env, QUIKC_LIBCUDA: library, FAKE_LOG: log }, into);
    vi.restoreAllMocks();
    expect(code).toBe(4);
    expect(said.out).toMatch(
      /on Fake "GPU", driver 13000: not stored, since QUIKC_LIBCUDA names another driver/,
    );
    expect(said.err).toContain('not as expected: add-s32: d0 of lane 0');
    expect(said.err).toContain('not as expected: quik_linear_w4a4_f16_');
    expect(readFileSync(log, 'utf8')).toMatch(/launch quik_quantize_\w+ grid 5 1 1 block/);
    expect(readdirSync(into)).toEqual([]);
  });
});
