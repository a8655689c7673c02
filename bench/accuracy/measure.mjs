// npm run build && node bench/accuracy/measure.mjs <model> --calibration ids.bin --evaluation ids.bin --window 512
//   --down '*.down_proj' --counts 0,16,32,64,128 --outliers 64 [--statistics calibration.safetensors] [--threads 1] [--kept results.jsonl]
//
// Perplexity of one model under many recipes, by the oracle's numerics: calibrates once, quantises and evaluates each, and prints a
// table. --down: the linears that put back what the MLP widened. --counts: outlier columns of the rows that are rounded to the nearest;
// --outliers: those of all others. --kept: what has been measured, which is not measured again.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const text = { type: /** @type {const} */ ('string') };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    calibration: text,
    evaluation: text,
    window: text,
    down: text,
    counts: text,
    outliers: text,
    statistics: text,
    threads: text,
    kept: text,
  },
});
const [model] = positionals;
const { calibration, evaluation, window, down, counts, outliers, kept } = values;
if (!(model && evaluation && window && down && counts && outliers && (calibration || values.statistics)))
  throw new Error('see the head of this file');

const folder = mkdtempSync(join(tmpdir(), 'quikc-accuracy-'));
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const threads = values.threads === undefined ? [] : ['--threads', values.threads];
/** @param {string[]} args */
const quikc = (...args) =>
  execFileSync(process.execPath, [cli, ...args, ...threads], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
/** @param {string[]} more */
const measure = (file, on, ...more) => {
  const report = quikc(
    'eval',
    file,
    '--tokens',
    evaluation,
    '--window',
    window,
    '--on',
    on,
    '--json',
    ...more,
  );
  return JSON.parse(report).results[0].perplexity;
};

const wide = ['--layer', `${down}=quik-8b`];
const rtn = ['--method', 'rtn'];
const plain = [...rtn, '--no-clip'];
const F = ['--outliers', outliers];
/** @type {[string, string[]][]} */
const recipes = [
  ...counts.split(',').map((n) => [`W4A4 F=${n}, RTN`, ['--outliers', n, ...plain]]),
  [`W4A4 F=${outliers}, RTN`, [...F, ...plain]],
  [`W4A4 F=${outliers}, RTN, clip`, [...F, ...rtn]],
  [`W4A4 F=${outliers}, GPTQ`, [...F, '--no-clip']],
  [`W4A4 F=${outliers}, GPTQ, clip`, F],
  [`W4A4 F=${outliers}, 8-bit down, RTN`, [...F, ...wide, ...plain]],
  [`W4A4 F=${outliers}, 8-bit down, RTN, clip`, [...F, ...wide, ...rtn]],
  [`W4A4 F=${outliers}, 8-bit down, GPTQ`, [...F, ...wide, '--no-clip']],
  [`W4A4 F=${outliers}, 8-bit down, GPTQ, clip (QUIK-4B)`, [...F, ...wide]],
  [`the same, all linears 2:4`, [...F, ...wide, '--sparsity', '2:4']],
  ['W8A8 F=0, RTN', ['--scheme', 'quik-8b', '--outliers', '0', ...plain]],
  [`W8A8 F=${outliers}, RTN (QUIK-8B)`, ['--scheme', 'quik-8b', ...F, ...plain]],
];
/** @type {Map<string, number>} */
const known = new Map(
  kept && existsSync(kept)
    ? readFileSync(kept, 'utf8')
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    : [],
);
/** @param {string} name @param {() => number} run */
const once = (name, run) => {
  const perplexity = known.get(name) ?? run();
  if (!known.has(name) && kept) appendFileSync(kept, `${JSON.stringify([name, perplexity])}\n`);
  known.set(name, perplexity);
  return perplexity;
};
try {
  const statistics = values.statistics ?? join(folder, 'calibration.safetensors');
  const cut = ['--window', window, '--grams', '--quiet'];
  if (calibration && !values.statistics)
    quikc('calibrate', model, '--tokens', calibration, ...cut, '-o', statistics);
  const float = once('float', () => measure(model, 'float', '--scheme', 'f16'));
  console.log(`| recipe | perplexity | to float |\n|---|---|---|\n| float | ${float.toFixed(3)} | |`);
  for (const [name, args] of new Map(recipes)) {
    const perplexity = once(name, () => {
      const output = join(folder, 'quantised');
      quikc('quantize', model, '--calibration', statistics, ...args, '-o', output, '--quiet');
      return measure(output, 'oracle');
    });
    const change = 100 * (perplexity / float - 1);
    console.log(`| ${name} | ${perplexity.toFixed(3)} | ${change < 0 ? '' : '+'}${change.toFixed(1)} % |`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
