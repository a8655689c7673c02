import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

// What `npm pack` ships: all that quikc needs where it is installed, and nothing else.

const execute = promisify(execFile);
let root: string;
let app: string;
let shipped: readonly string[];

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-install-')));
  app = join(root, 'app');
  // dist/ is built before the tests start (npm run test:compile): building here would pull it from under others.
  await execute('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', root]);
  const [tarball = ''] = readdirSync(root);
  const { stdout } = await execute('tar', ['-tzf', join(root, tarball)]);
  shipped = stdout
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--silent'];
  await execute('npm', ['install', ...quiet, '--prefix', app, join(root, tarball)]);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** npx in the folder where quikc is installed, with a cache of its own. */
async function npx(args: readonly string[]) {
  return execute('npx', ['quikc', ...args], {
    cwd: app,
    env: { ...process.env, QUIKC_CACHE: join(root, 'cache') },
  });
}

test('the package holds its code, templates, schemas, documents and the sources of its runner', () => {
  for (const file of [
    ...['README.md', 'LICENSE', 'package.json', 'dist/cli.js', 'dist/verify-worker.js', 'docs/model-json.md'],
    ...['compiler/device/runner.cpp', 'compiler/device/job.h', 'compiler/device/driver.h'],
    ...['compiler/package/pack_quik.py', 'compiler/quantise/gptq_torch.py'],
    'generated/schema/model-v1.schema.json',
    ...[
      'examples/llama-2-7b/model.json',
      'templates/cuda/linear/tiled.cu.hbs',
      'templates/shared/banner.hbs',
      'templates/package/web/make-api.js',
      'templates/package/web/types.d.ts',
    ],
  ]) {
    expect(shipped).toContain(file);
  }
});

test('and neither its sources, nor tests, nor goldens, nor source maps', () => {
  expect(
    shipped.filter((path) => /(?<!\.d)\.ts$|tsconfig|\.map$|^test|^generated\/golden|^bench/.test(path)),
  ).toEqual([]);
});

test('npx quikc says what it is', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
  expect((await npx(['--version'])).stdout.trim()).toBe(version);
  expect((await npx(['--help'])).stdout).toContain('compile');
});

test('npx quikc inspects and compiles a model in an empty folder', async () => {
  const model = resolve('test/fixtures/models/tiny-llama.json');
  expect((await npx(['inspect', model])).stdout).toContain('down_proj');
  const { stdout } = await npx(['compile', model, '--no-build', '-o', 'bundle']);
  expect(stdout).toContain('bundle: bundle (written, sources only)');
  await execute('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: join(app, 'bundle') });
});

test('nothing that quikc asks for at run time is missing from its dependencies', () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const modules = join(app, 'node_modules', 'quikc', 'dist');
  const asked = readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js'))
    .flatMap((name) => [
      ...readFileSync(join(modules, name), 'utf8').matchAll(/(?:from|import\()\s*["']([a-z@][^"':]*)["']/g),
    ])
    .map(([, specifier = '']) => specifier)
    .filter((specifier) => !specifier.startsWith('node:'));
  expect(new Set(asked)).toEqual(new Set(Object.keys(dependencies)));
});
