// Brings ONNX Runtime for Node into .cache/webgpu-bench, by npm and without its install script (which fetches CUDA files).
// Prints the variable that names it, for a shell to evaluate.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const runtime = 'onnxruntime-node@1.30.0';
const root = resolve('.cache', 'webgpu-bench');
const folder = join(root, 'node_modules', 'onnxruntime-node');

if (!existsSync(folder)) {
  const fresh = `${root}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  writeFileSync(join(fresh, 'package.json'), '{ "private": true }');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent', '--no-package-lock'];
  execFileSync('npm', ['install', ...quiet, runtime], { cwd: fresh, stdio: ['ignore', 2, 2] });
  rmSync(root, { recursive: true, force: true });
  renameSync(fresh, root);
}
process.stdout.write(`export QUIKC_ORT='${folder}'\n`);
