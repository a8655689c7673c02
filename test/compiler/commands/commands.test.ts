import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../../compiler/commands/command.ts';
import { inspect } from '../../../compiler/commands/inspect.ts';
import { reportCrash } from '../../../compiler/commands/report-crash.ts';
import { summariseModel } from '../../../compiler/commands/summarise-model.ts';
import { diagnose } from '../../../compiler/diagnostics/codes.ts';
import { readDebugLevel } from '../../../compiler/options.ts';
import { runPasses } from '../../../compiler/passes/run-passes.ts';
import { InternalError } from '../../../compiler/support/assert.ts';
import { version } from '../../../compiler/support/version.ts';
import { importGraph } from '../load-fixture.ts';
import { runCommand } from './run-command.ts';

const model7b = 'examples/llama-2-7b/model.json';

function smollm(tied: boolean): object {
  const facts = {
    hidden: 576,
    layers: 30,
    heads: 9,
    kvHeads: 3,
    ffn: 1536,
    vocab: 49152,
    rmsNormEps: 1e-5,
    tied,
  };
  return { quikc: 1, name: 'smollm2-135m', architecture: 'llama', facts, outliers: { count: 32 } };
}

describe('inspect', () => {
  test('LLaMA-2-7B as a table', async () => {
    const { code, out, err } = await runCommand((context) => inspect(model7b, {}, context));
    expect(code).toBe(0);
    await expect(out).toMatchFileSnapshot('../../fixtures/models/expected/llama-2-7b.inspect.txt');
    expect(err).toContain('warning QK140');
  });

  test('as JSON: exact numbers', async () => {
    const { out, err } = await runCommand((context) => inspect(model7b, { json: true }, context));
    const summary = JSON.parse(out);
    expect([err, summary.diagnostics]).toEqual(['', [expect.objectContaining({ code: 'QK140' })]]);
    // The published parameter count of LLaMA-2-7B.
    expect(summary.totals.parameters).toBe(6_738_415_616);
    expect(summary.totals.bytesBefore).toBe(2 * 6_738_415_616);
    const down = summary.operations.find(({ name }: { name: string }) => name === 'mlp.down_proj');
    expect(down).toMatchObject({
      n: 4096,
      k: 11008,
      outliers: 688,
      count: 32,
      scheme: 'w8a8',
      placeholderColumns: true,
    });
    expect(down.outlierPercent).toBeCloseTo(6.25, 3);
    // Codes 11008-688 padded to 32 -> 10336, 688 outliers of 2 bytes, 16 bytes of meta a channel.
    expect(down.bytesAfter).toBe(32 * 4096 * (10336 + 688 * 2 + 16));
    expect(down.macsPerToken).toEqual({ int4: 0, int8: 32 * 4096 * (11008 - 688), f16: 32 * 4096 * 688 });
  });

  test('--columns in-place: outlier columns stay in the codes, and are multiplied as zeros', async () => {
    const { out } = await runCommand((context) =>
      inspect(model7b, { json: true, columns: 'in-place' }, context),
    );
    const down = JSON.parse(out).operations.find(({ name }: { name: string }) => name === 'mlp.down_proj');
    expect(down.bytesAfter).toBe(32 * 4096 * (11008 + 688 * 2 + 16));
    expect(down.macsPerToken).toEqual({ int4: 0, int8: 32 * 4096 * 11008, f16: 32 * 4096 * 688 });
  });

  test.each([
    ['13b', 13_015_864_320],
    ['70b', 68_976_648_192],
  ])('LLaMA-2-%s has %i parameters', async (size, parameters) => {
    const { out } = await runCommand((context) =>
      inspect(`examples/llama-2-${size}/model.json`, { json: true }, context),
    );
    expect(JSON.parse(out).totals.parameters).toBe(parameters);
  });

  test('a tied head is counted once: SmolLM2-135M has 134,515,008 parameters', () => {
    const parameters = (overrides: readonly string[], tied: boolean) => {
      const passed = runPasses(importGraph(smollm(tied), { layers: overrides }));
      return passed.ok ? summariseModel(passed.value.graph).totals : undefined;
    };
    expect(parameters([], true)?.parameters).toBe(134_515_008);
    expect(parameters([], false)?.parameters).toBe(134_515_008 + 49152 * 576);
    // Quantised, it is a copy.
    expect(parameters(['lm_head=quik-8b'], true)?.bytesAfter).toBeGreaterThan(
      parameters([], true)?.bytesAfter ?? 0,
    );
  });

  test('--quiet leaves the warning out', async () => {
    expect((await runCommand((context) => inspect(model7b, { quiet: true }, context))).err).toBe('');
  });

  test('--dump writes the graph after each pass', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quikc-dump-'));
    await runCommand((context) =>
      inspect('test/fixtures/models/ragged.json', { dump: join(folder, 'ir') }, context),
    );
    expect(await readdir(join(folder, 'ir'))).toEqual([
      '00-import.ir',
      '01-infer-shapes.ir',
      '02-annotate-outliers.ir',
      '03-annotate-sparsity.ir',
      '04-choose-scheme.ir',
      '05-merge-projections.ir',
      '06-fuse-quantize.ir',
      '07-fuse-epilogue.ir',
      '08-choose-columns.ir',
      '09-plan-buffers.ir',
    ]);
    expect(await readFile(join(folder, 'ir', '06-fuse-quantize.ir'), 'utf8')).toContain('quik-linear');
    await rm(folder, { recursive: true });
  });

  test('an override that is no number is a fault, not a crash', async () => {
    const faults = async (outliers: string) => {
      const { code, out } = await runCommand((context) =>
        inspect(model7b, { outliers, json: true }, context),
      );
      return { code, ...JSON.parse(out) };
    };
    for (const typed of ['many', '-1', '1e3', ' ', '99999999'])
      expect(await faults(typed)).toMatchObject({
        code: 1,
        diagnostics: [
          {
            code: 'QK131',
            message: `"${typed}" is not a number of outlier columns`,
            option: `--outliers ${typed}`,
            hint: 'for example --outliers 256',
          },
        ],
      });
  });
});

test('a crash is one short report, and the stack only when asked', async () => {
  const { code, err } = await runCommand(async (context) =>
    reportCrash(new InternalError('invariant broken: x'), context),
  );
  expect(code).toBe(70);
  expect(err).toContain('error QK900 internal error');
  expect(err).toContain('invariant broken: x');
  expect(err.split('\n').length).toBeLessThan(10);
  const debug = await runCommand(async (context) => reportCrash('a string', { ...context, debug: 1 }));
  expect(debug.err).toContain('a string');
});

test('exit codes follow the kind of error', () => {
  const of = (...list: Parameters<typeof diagnose>[0][]) =>
    exitCodeOf(list.map((code) => diagnose(code, { message: '' })));
  expect([
    of('QK104'),
    of('QK201'),
    of('QK301'),
    of('QK601'),
    of('QK810'),
    of('QK900', 'QK104'),
    of('QK140'),
    of(),
  ]).toEqual([1, 1, 1, 3, 3, 70, 0, 0]);
});

test('debug levels', () => {
  expect(['1', '5', '6', '', 'yes', undefined].map(readDebugLevel)).toEqual([1, 5, 0, 0, 0, 0]);
});

test('the version is package.json’s', async () => {
  expect(JSON.parse(await readFile('package.json', 'utf8')).version).toBe(version);
});
