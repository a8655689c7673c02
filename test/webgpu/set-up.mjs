// Brings what the webgpu tests need into .cache/webgpu, by npm alone, and prints the variables that name it, for a shell to
// evaluate. What is there already stays. Each part comes or fails by itself: a failure is told, and is the exit code.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const root = resolve('.cache', 'webgpu');

/** What a folder's packages are, how they are made ready in it, and the variables that name them. */
const parts = {
  // Dawn for Node.
  dawn: {
    packages: ['webgpu@0.6.2'],
    prepare(folder) {
      const binaries = join(folder, 'node_modules', 'webgpu', 'dist');
      // Of 130 MB those for other systems go.
      for (const system of readdirSync(binaries).filter((name) => !name.startsWith(`${process.platform}-`)))
        rmSync(join(binaries, system), { recursive: true });
    },
    variables: (folder) => ({ QUIKC_DAWN: join(folder, 'node_modules', 'webgpu') }),
  },
  // Chromium, SwiftShader (a software Vulkan driver) beside it for all to use, and what drives the browser. For Linux on x64.
  chromium: {
    packages: ['@sparticuz/chromium@153.0.0', 'playwright-core@1.65.1'],
    prepare(folder) {
      const archives = join(folder, 'node_modules', '@sparticuz', 'chromium', 'bin');
      const driver = join(folder, 'driver');
      const unpack = (name) => brotliDecompressSync(readFileSync(join(archives, name)));
      mkdirSync(driver);
      // The second are libraries that Chromium links and that a bare machine may lack.
      for (const name of ['swiftshader.tar.br', 'al2023.tar.br'])
        execFileSync('tar', ['-x', '-C', driver], { input: unpack(name), stdio: ['pipe', 2, 2] });
      writeFileSync(join(driver, 'chromium'), unpack('chromium.br'));
      // Those libraries are for Chromium only: other programs keep the machine's own.
      const script = [
        '#!/bin/sh',
        'here=$(dirname -- "$(readlink -f -- "$0")")',
        'LD_LIBRARY_PATH="$here:$here/lib" exec "$here/chromium" "$@"',
      ];
      writeFileSync(join(driver, 'run-chromium'), `${script.join('\n')}\n`);
      for (const name of ['chromium', 'run-chromium']) chmodSync(join(driver, name), 0o755);
      rmSync(join(folder, 'node_modules', '@sparticuz'), { recursive: true });
    },
    variables: (folder) => ({
      VK_ICD_FILENAMES: join(folder, 'driver', 'vk_swiftshader_icd.json'),
      LD_LIBRARY_PATH: join(folder, 'driver'),
      QUIKC_CHROMIUM: join(folder, 'driver', 'run-chromium'),
      QUIKC_PLAYWRIGHT: join(folder, 'node_modules', 'playwright-core'),
    }),
  },
  // Deno, whose WebGPU is wgpu and its shader compiler naga, as in Firefox.
  deno: {
    packages: ['deno@2.9.6'],
    prepare(folder) {
      execFileSync(denoOf(folder), ['--version'], { stdio: ['ignore', 'ignore', 2] });
    },
    variables: (folder) => ({ QUIKC_DENO: denoOf(folder) }),
  },
};

/** The program itself, without the Node script that looks for it. */
function denoOf(folder) {
  const platforms = join(folder, 'node_modules', 'deno', 'node_modules', '@deno');
  const [platform = ''] = readdirSync(platforms);
  return join(platforms, platform, process.platform === 'win32' ? 'deno.exe' : 'deno');
}

/** Installs a part beside its place and renames it, so that a half-made one is never taken for whole. */
function bring(name, { packages, prepare }) {
  const folder = join(root, name);
  const pins = packages.join('\n');
  const done = join(folder, 'complete');
  if (existsSync(done) && readFileSync(done, 'utf8') === pins) return folder;
  const fresh = `${folder}.${process.pid}`;
  try {
    mkdirSync(fresh, { recursive: true });
    writeFileSync(join(fresh, 'package.json'), '{ "private": true }');
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent', '--no-package-lock'];
    // Nested, so that what only a package needs goes with it.
    execFileSync('npm', ['install', ...quiet, '--install-strategy=nested', ...packages], {
      cwd: fresh,
      stdio: ['ignore', 2, 2],
    });
    prepare(fresh);
    writeFileSync(join(fresh, 'complete'), pins);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return folder;
}

for (const [name, part] of Object.entries(parts)) {
  try {
    for (const [variable, value] of Object.entries(part.variables(bring(name, part))))
      process.stdout.write(`export ${variable}='${value}'\n`);
  } catch (error) {
    process.stderr.write(`${name} (${part.packages.join(', ')}) could not be set up: ${error}\n`);
    process.exitCode = 1;
  }
}
