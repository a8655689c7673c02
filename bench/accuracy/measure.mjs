// node build.mjs && node bench/accuracy/measure.mjs <model> <calibration tokens> <evaluation tokens> <window> <down> <counts> [only]
//
// Perplexity of one model under many recipes, by the oracle's numerics: calibrates once, quantises and evaluates each, and prints
// a table. <down>: the linears that put back what the MLP widened, as a glob. <counts>: outlier columns, e.g. 0,8,16.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [, , model, calibration, evaluation, window, down, counts, only = ''] = process.argv;
const folder = mkdtempSync(join(tmpdir(), 'quikc-accuracy-'));
const quikc = (...args) =>
  execFileSync(process.execPath, ['dist/cli.js', ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
const measure = (file, on, ...more) => {
  const report = JSON.parse(
    quikc('eval', file, '--tokens', evaluation, '--window', window, '--on', on, '--json', ...more),
  );
  return report.results[0].perplexity;
};

/** @type {{ name: string, args: string[] }[]} */
const recipes = [];
const add = (name, ...args) => recipes.push({ name, args });
const eight = ['--layer', `${down}=quik-8b`];
for (const F of counts.split(',')) {
  const base = ['--outliers', F];
  add(`W4A4 F=${F}, RTN`, ...base, '--method', 'rtn', '--no-clip');
  add(`W4A4 F=${F}, RTN, clip`, ...base, '--method', 'rtn');
  add(`W4A4 F=${F}, GPTQ, clip`, ...base);
  add(`W4A4 F=${F}, 8-bit down, RTN`, ...base, ...eight, '--method', 'rtn', '--no-clip');
  add(`W4A4 F=${F}, 8-bit down, RTN, clip`, ...base, ...eight, '--method', 'rtn');
  add(`W4A4 F=${F}, 8-bit down, GPTQ`, ...base, ...eight, '--no-clip');
  add(`W4A4 F=${F}, 8-bit down, GPTQ, clip (QUIK-4B)`, ...base, ...eight);
  add(`W8A8 F=${F}, RTN (QUIK-8B)`, ...base, '--scheme', 'quik-8b', '--method', 'rtn', '--no-clip');
  add(`W4A4 F=${F}, 8-bit down, GPTQ, clip, 2:4`, ...base, ...eight, '--sparsity', '2:4');
}
try {
  const statistics = join(folder, 'calibration.safetensors');
  quikc(
    'calibrate',
    model,
    '--tokens',
    calibration,
    '--window',
    window,
    '--grams',
    '-o',
    statistics,
    '--quiet',
  );
  const float = measure(model, 'float', '--scheme', 'f16');
  console.log(`| recipe | perplexity | to float |\n|---|---|---|\n| float | ${float.toFixed(3)} | |`);
  for (const { name, args } of recipes.filter((recipe) => recipe.name.includes(only))) {
    const output = join(folder, 'quantised');
    quikc('quantize', model, '--calibration', statistics, ...args, '-o', output, '--quiet');
    const perplexity = measure(join(output, 'model.json'), 'oracle');
    console.log(`| ${name} | ${perplexity.toFixed(3)} | ${(100 * (perplexity / float - 1)).toFixed(2)} % |`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
