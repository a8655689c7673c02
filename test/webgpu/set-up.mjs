// Brings what the webgpu tests need into .cache/webgpu, by npm alone: Dawn for Node (the package webgpu) and SwiftShader, a
// software Vulkan driver, out of @sparticuz/chromium. Prints the variables that name them, for a shell to evaluate.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const dawn = 'webgpu@0.6.2';
const chromium = '@sparticuz/chromium@153.0.0';
const root = resolve('.cache', 'webgpu');
const done = join(root, 'complete');

if (!existsSync(done)) {
  const fresh = `${root}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(join(fresh, 'driver'), { recursive: true });
  writeFileSync(join(fresh, 'package.json'), '{ "private": true }');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent', '--no-package-lock'];
  execFileSync('npm', ['install', ...quiet, dawn, chromium], { cwd: fresh, stdio: ['ignore', 2, 2] });
  const archive = join(fresh, 'node_modules', '@sparticuz', 'chromium', 'bin', 'swiftshader.tar.br');
  const tar = brotliDecompressSync(readFileSync(archive));
  execFileSync('tar', ['-x', '-C', join(fresh, 'driver')], { input: tar, stdio: ['pipe', 2, 2] });
  rmSync(join(fresh, 'node_modules', '@sparticuz'), { recursive: true });
  writeFileSync(join(fresh, 'complete'), '');
  rmSync(root, { recursive: true, force: true });
  renameSync(fresh, root);
}
const driver = join(root, 'driver');
const variables = {
  QUIKC_DAWN: join(root, 'node_modules', 'webgpu'),
  VK_ICD_FILENAMES: join(driver, 'vk_swiftshader_icd.json'),
  LD_LIBRARY_PATH: driver,
};
for (const [name, value] of Object.entries(variables)) process.stdout.write(`export ${name}='${value}'\n`);
