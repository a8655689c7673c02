// Brings lavapipe 25, a software Vulkan driver with subgroups of 8 and 16-bit floats, into .cache/lavapipe, and prints the
// variables that name it, for a shell to evaluate. SwiftShader, which npm has, knows subgroups of 4 and no such floats.
// For Debian 12 on x64: the driver is in bookworm-backports, from the mirror that the machine's own apt uses, with lists and
// downloads of our own, so that nothing is installed. Whatever is amiss is one line and the exit code 1.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const version = '25.0.7-2~bpo12+1';
const digest = '3899f1800424c60a05df5d6913076a526ca8fdbabec43672cd397563d1ca3263';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const root = resolve('.cache', 'lavapipe');
const driver = join('unpacked', 'usr', 'lib', 'x86_64-linux-gnu', 'libvulkan_lvp.so');

/** LD_LIBRARY_PATH with what was unpacked in `folder`. */
function searchPath(folder) {
  const unpacked = ['usr/lib', 'lib'].map((part) => join(folder, 'unpacked', part, 'x86_64-linux-gnu'));
  return [...unpacked, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':');
}

function run(file, args, options = {}) {
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

/** The address of the mirror that serves bookworm itself to this machine. */
function findMirror() {
  const targets = run('apt-get', [
    'indextargets',
    '--format',
    '$(RELEASE) $(REPO_URI)',
    'Created-By: Packages',
  ]);
  const entry = targets.split('\n').find((line) => line.startsWith('bookworm '));
  if (entry === undefined)
    throw new Error('apt has no lists of Debian 12 (bookworm); run apt-get update once');
  return entry.slice('bookworm '.length).trim();
}

/** apt with its lists and downloads below `folder`, the machine's own packages known to it, for bookworm and backports. */
function aptIn(folder) {
  const sources = join(folder, 'sources.list');
  const mirror = findMirror();
  const suites = ['bookworm', 'bookworm-backports'];
  const lines = suites.map((suite) => `deb [arch=amd64 signed-by=${keyring}] ${mirror} ${suite} main\n`);
  writeFileSync(sources, lines.join(''));
  const settings = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
    'APT::Sandbox::User': 'root',
    'Debug::NoLocking': 'true',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '30',
  };
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return (args, cwd = folder) => run('apt-get', [...options, '-qq', ...args], { cwd });
}

/** What the driver needs, by the older one's dependencies from nothing, less what the machine has. */
function missingOf(apt, folder) {
  const nothing = join(folder, 'no-packages');
  writeFileSync(nothing, '');
  const plan = ['install', '--simulate', '--no-install-recommends', 'mesa-vulkan-drivers/bookworm'];
  const needed = apt(['-o', `Dir::State::status=${nothing}`, ...plan]).matchAll(/^Inst (\S+) /gm);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg fills these in.
  const format = '${db:Status-Status} ${Package}\n';
  const installed = new Set(run('dpkg-query', ['--show', '--showformat', format]).split('\n'));
  const names = [...needed].map(([, name = '']) => name);
  return names.filter((name) => !installed.has(`installed ${name}`) && name !== 'mesa-vulkan-drivers');
}

/** Downloads and unpacks the driver, and of bookworm what the driver links and the machine has not. */
function unpackInto(folder) {
  const apt = aptIn(folder);
  apt(['update']);
  apt(['download', `mesa-vulkan-drivers=${version}`]);
  const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.deb'));
  const found = createHash('sha256')
    .update(readFileSync(join(folder, name)))
    .digest('hex');
  if (found !== digest) throw new Error(`${name} has the SHA-256 ${found}, expected ${digest}`);
  const others = missingOf(apt, folder);
  mkdirSync(join(folder, 'others'));
  if (others.length > 0) apt(['download', ...others], join(folder, 'others'));
  const libraries = readdirSync(join(folder, 'others')).map((file) => join('others', file));
  for (const file of [...libraries, name])
    run('dpkg-deb', ['--extract', join(folder, file), join(folder, 'unpacked')]);
  for (const file of ['lists', 'cache', 'others', 'no-packages', 'sources.list', name])
    rmSync(join(folder, file), { recursive: true });
  const env = { ...process.env, LD_LIBRARY_PATH: searchPath(folder) };
  const linked = run('ldd', [join(folder, driver)], { env });
  const missing = linked.split('\n').filter((line) => line.includes('not found'));
  if (missing.length > 0)
    throw new Error(`the driver lacks ${missing.map((line) => line.trim()).join('; ')}`);
}

/** Beside its place first, so that a half-made folder is never taken for whole. */
function bring() {
  const done = join(root, 'complete');
  if (existsSync(done) && readFileSync(done, 'utf8') === version) return;
  const fresh = `${root}.${process.pid}`;
  try {
    mkdirSync(fresh, { recursive: true });
    unpackInto(fresh);
    const icd = { library_path: join(root, driver), api_version: '1.4.305' };
    writeFileSync(join(fresh, 'lavapipe.json'), JSON.stringify({ file_format_version: '1.0.0', ICD: icd }));
    writeFileSync(join(fresh, 'complete'), version);
    rmSync(root, { recursive: true, force: true });
    renameSync(fresh, root);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** That Dawn, where QUIKC_DAWN names it, gets an adapter with subgroups of 8 and 16-bit floats from the driver. */
function probe(variables) {
  const dawn = process.env['QUIKC_DAWN'];
  if (dawn === undefined) return;
  const script = `const gpu = require(process.argv[1]).create([]);
    gpu.requestAdapter().then((adapter) => {
      const { subgroupMinSize, subgroupMaxSize } = adapter?.info ?? {};
      const found = ['subgroups', 'shader-f16'].filter((name) => adapter?.features.has(name));
      const said = [subgroupMinSize, subgroupMaxSize, ...found].join(' ');
      process.stdout.write(said, () => process.exit(gpu ? 0 : 1));
    });`;
  const found = run(process.execPath, ['-e', script, dawn], { env: { ...process.env, ...variables } });
  const expected = '8 8 subgroups shader-f16';
  if (found !== expected) throw new Error(`an adapter with ${expected} was expected, found ${found}`);
}

try {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('it is for Linux on x64 only');
  bring();
  const variables = {
    VK_ICD_FILENAMES: join(root, 'lavapipe.json'),
    LD_LIBRARY_PATH: searchPath(root),
    // A second run finds the shaders compiled.
    MESA_SHADER_CACHE_DIR: join(root, 'shaders'),
  };
  probe(variables);
  for (const [name, value] of Object.entries(variables)) process.stdout.write(`export ${name}='${value}'\n`);
} catch (error) {
  const [reason] = String(error.stderr || error.message)
    .trim()
    .split('\n')
    .slice(-1);
  process.stderr.write(`lavapipe could not be set up: ${reason}\n`);
  process.exitCode = 1;
}
