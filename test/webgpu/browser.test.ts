// The package in a page, by <script type="module"> and nothing else, in a headless Chromium.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { webgpu } from '../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../compiler/compile-fixture.ts';
import { describeWith } from './describe-with.ts';
import { makeSiteRun } from './site-runs.ts';

interface Page {
  goto(url: string): Promise<unknown>;
  waitForFunction(expression: string, argument?: unknown, options?: { timeout: number }): Promise<unknown>;
  evaluate(expression: string): Promise<unknown>;
}
interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

// Without the first, Chromium has no adapter on a machine without a GPU.
const args = [
  '--enable-unsafe-webgpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
];
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
};

describeWith(['QUIKC_CHROMIUM', 'QUIKC_PLAYWRIGHT'], 'in a browser', (executablePath, playwright) => {
  let root: string;
  let server: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-page-')));
    server = createServer((request, response) => {
      const path = join(root, new URL(request.url ?? '/', 'http://localhost').pathname);
      if (!existsSync(path)) return response.writeHead(404).end();
      response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream');
      return response.end(readFileSync(path));
    });
    await new Promise<void>((listening) => server.listen(0, 'localhost', listening));
    const { chromium } = await import(pathToFileURL(join(playwright ?? '', 'index.mjs')).href);
    const profile = join(root, 'profile');
    browser = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      chromiumSandbox: false,
      args,
    });
    page = await browser.newPage();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(root, { recursive: true, force: true });
  });

  test('a site, quantize and linear, agrees with the float64 layer', async () => {
    const { manifest } = await compileFixture(tinyLlama, {
      target: webgpu,
      outputFor: () => join(root, 'bundle'),
    });
    cpSync(join(root, 'bundle', 'web'), join(root, 'web'), { recursive: true });
    const runs = [makeSiteRun(manifest, 'qkv_proj', 6), makeSiteRun(manifest, 'down_proj', 1)];
    const base64 = (all: Readonly<Record<string, Uint8Array>>) =>
      Object.fromEntries(
        Object.entries(all).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
      );
    const texts = runs.map(({ site, linear, layer, M, inputs, packed }) => ({
      ...{ site, linear, layer, M, inputs: base64(inputs), packed: base64(packed) },
    }));
    writeFileSync(join(root, 'runs.json'), JSON.stringify(texts));
    for (const name of ['page.html', 'run-site.mjs'])
      copyFileSync(resolve('test/webgpu/consumer', name), join(root, name));
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/page.html`);
    await page.waitForFunction('window.results !== undefined', undefined, { timeout: 100_000 });
    const results = (await page.evaluate('window.results')) as readonly Record<string, string>[];
    expect(results).toHaveLength(runs.length);
    for (const [index, run] of runs.entries()) {
      const outputs = Object.entries(results[index] ?? {}).map(([name, text]) => [
        name,
        new Uint8Array(Buffer.from(text, 'base64')),
      ]);
      const { elements, failures } = run.judge(Object.fromEntries(outputs));
      expect([elements > 0, failures], run.site).toEqual([true, 0]);
    }
  });

  test('what goes wrong is told by code and in words, and nothing waits for ever', async () => {
    copyFileSync(resolve('test/webgpu/consumer/faults.html'), join(root, 'faults.html'));
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/faults.html`);
    await page.waitForFunction('window.faults !== undefined', undefined, { timeout: 60_000 });
    expect(await page.evaluate('window.faults')).toEqual({
      feature: expect.stringMatching(/^unsupported: .*the feature [\w-]+ is missing/),
      truncated: expect.stringMatching(/^weights: .*18431 bytes, expected 18432: they are truncated/),
      'truncated file': expect.stringMatching(/^weights: .*ends within its header/),
      'other model': expect.stringMatching(/^weights: .*weights of the model another/),
      'too large': expect.stringMatching(/^buffer: .*maxBufferSize/),
      NaN: expect.stringMatching(/^non-finite: .*row 1 of o_proj/),
      'lost while waiting': expect.stringMatching(/^device-lost: /),
      'lost read': expect.stringMatching(/^device-lost: /),
      'lost upload': expect.stringMatching(/^device-lost: /),
    });
  });

  test("README.md's page, as it stands there, shows 23.5", async () => {
    const [, example = ''] = /```html\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? [];
    cpSync(join(root, 'bundle'), join(root, 'tiny'), { recursive: true });
    writeFileSync(join(root, 'readme.html'), example);
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/readme.html`);
    await page.waitForFunction("document.body?.textContent.startsWith('y[0]')", undefined, {
      timeout: 60_000,
    });
    expect(await page.evaluate('document.body.textContent')).toBe('y[0] = 23.5');
  });
});
