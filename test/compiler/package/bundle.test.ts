import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cudaFamilies as families } from '../../../compiler/families/index.ts';
import { kernelFiles } from '../../../compiler/package/kernel-files.ts';
import { type BundleFiles, makeBundle } from '../../../compiler/package/make-bundle.ts';
import { readBundle } from '../../../compiler/package/read-bundle.ts';
import { formatSums } from '../../../compiler/package/sums.ts';
import { checkOutput, writeBundle } from '../../../compiler/package/write-bundle.ts';
import { sha256 } from '../../../compiler/support/hash.ts';
import type { Manifest } from '../../../ir/manifest.ts';
import { manifestSchema } from '../../../ir/manifest-schema.ts';
import type { Plan } from '../../../ir/plan.ts';
import { sm80 } from '../../../targets/sm80.ts';
import { compileFixture, llama7b, tinyLlama } from '../compile-fixture.ts';

const sources = await compileFixture(tinyLlama);

/** The tiny model's bundle as if it had been built: with binaries that nobody compiled. */
function builtBundle(): BundleFiles {
  const { manifest, files } = sources;
  const text = (path: string) => Buffer.from(files.get(path)!).toString('utf8');
  const resources = {
    ...{ registers: 100, staticSharedBytes: 0, stackBytes: 0, spillStoreBytes: 0, spillLoadBytes: 0 },
    ...{ barriers: 1, instructions: 2, opcodes: { IMMA: 1 } },
  };
  const made = makeBundle({
    plan: {
      ...manifest.plan,
      ...{ sites: manifest.sites.map((site) => ({ ...site, linears: [] })), blocks: [] },
      ...{ model: 'tiny', dtype: 'f16' },
    } as unknown as Plan,
    kernels: manifest.kernels.map((kernel) => ({
      ...kernel,
      problem: kernel.problemHash,
      choices: kernel.explain,
    })),
    texts: new Map(manifest.kernels.map(({ id, files: { source } }) => [id, text(source.path)])),
    results: new Map(
      manifest.kernels.map(({ id }) => [id, { ptx: `// ${id}`, cubin: Buffer.from([1, 2, 3]), resources }]),
    ),
    families: families as never,
    target: sm80,
    manifestTarget: manifest.target,
    sourcePath: (id) => `kernels/${id}.cu`,
    provenance: manifest.provenance,
    packer: 'pass\n',
  });
  return made.files;
}

let root: string;
let folder: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc bundle test ')));
  folder = join(root, 'bundle');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(files: BundleFiles = builtBundle()): void {
  const written = writeBundle(folder, files);
  if (!written.ok) throw new Error(JSON.stringify(written.error));
}

/** The codes and files for which the bundle is refused. */
function refusals(): readonly string[] {
  const read = readBundle(folder);
  return read.ok ? [] : read.error.map(({ code, file }) => `${code} ${file?.replace(folder, '')}`);
}

/** Changes the manifest and makes SHA256SUMS agree with it, as a forger would. */
function forgeManifest(change: (manifest: Manifest) => unknown): void {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(change(manifest)));
  reseal();
}

function reseal(): void {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
  writeFileSync(
    join(folder, 'SHA256SUMS'),
    formatSums(new Map(paths.map((path) => [path, readFileSync(join(folder, path))]))),
  );
}

describe('what is written is what is read', () => {
  test('the manifest comes back field by field, with every file of every kernel', () => {
    write();
    const read = readBundle(folder);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const [kernel] = read.value.manifest.kernels;
    const { source, ptx, cubin } = kernelFiles(read.value, kernel!);
    expect(source).toContain(kernel!.symbol);
    expect(ptx).toBe(`// ${kernel!.id}`);
    expect([...cubin!]).toEqual([1, 2, 3]);
    expect(kernel!.resources).toMatchObject({ built: { registers: 100 } });
  });

  test('of a real model nothing is lost or added by the schema', async () => {
    const { manifest } = await compileFixture(llama7b);
    const asWritten = JSON.parse(JSON.stringify(manifest));
    expect(manifestSchema.parse(asWritten)).toEqual(asWritten);
  });

  test('the schema knows no field that is not there', () => {
    expect(manifestSchema.safeParse({ ...sources.manifest, surplus: 1 }).success).toBe(false);
  });

  test('sha256sum -c agrees', () => {
    write();
    const out = execFileSync('sha256sum', ['-c', '--strict', 'SHA256SUMS'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(
      out
        .trim()
        .split('\n')
        .every((line) => line.endsWith(': OK')),
    ).toBe(true);
    expect(out).toContain('packing/pack_quik.py: OK');
  });

  test('the same inputs give the same bytes', async () => {
    const again = await compileFixture(tinyLlama);
    for (const [path, bytes] of sources.files)
      expect(sha256(again.files.get(path)!), path).toBe(sha256(bytes));
  });
});

describe('a bundle is refused, by digest and by name, when', () => {
  const kernel = sources.manifest.kernels[1]!.id;
  const altered = [
    [`/kernels/${kernel}.cu`, 'QK561'],
    [`/kernels/${kernel}.ptx`, 'QK561'],
    [`/kernels/${kernel}.cubin`, 'QK561'],
    ['/manifest.json', 'QK561'],
    ['/packing/pack_quik.py', 'QK561'],
  ] as const;

  test.each(altered)('%s was altered', (path, code) => {
    write();
    appendFileSync(join(folder, path), ' ');
    expect(refusals()).toEqual([`${code} ${path}`]);
  });

  test.each(altered)('%s is missing', (path) => {
    write();
    rmSync(join(folder, path));
    expect(refusals()).toEqual([`QK562 ${path}`]);
  });

  test('a file was added, or stands where a link leads elsewhere', () => {
    write();
    writeFileSync(join(folder, 'kernels', 'more.cu'), '');
    rmSync(join(folder, 'packing', 'pack_quik.py'));
    symlinkSync('/etc/hostname', join(folder, 'packing', 'pack_quik.py'));
    expect(refusals()).toEqual([
      'QK562 /packing/pack_quik.py',
      'QK563 /kernels/more.cu',
      'QK563 /packing/pack_quik.py (not a plain file)',
    ]);
  });

  test('a kernel and SHA256SUMS were altered, but not the manifest', () => {
    write();
    appendFileSync(join(folder, `kernels/${kernel}.ptx`), ' ');
    reseal();
    expect(refusals()).toEqual([`QK561 /kernels/${kernel}.ptx`]);
    expect(messages()).toEqual(['the file is not the one whose digest manifest.json has']);
  });

  test('a kernel alone was altered', () => {
    write();
    appendFileSync(join(folder, `kernels/${kernel}.ptx`), ' ');
    expect(messages()).toEqual(['the file is not the one whose digest SHA256SUMS has']);
  });

  function messages(): readonly string[] {
    const read = readBundle(folder);
    return read.ok ? [] : read.error.map(({ message }) => message);
  }

  test('its manifest points out of it', () => {
    for (const path of [
      '../secret',
      '/etc/passwd',
      'kernels/../../secret',
      'kernels/..',
      'a/../c',
      'a/b/c/d',
      'kernels\\x',
    ]) {
      write();
      forgeManifest((manifest) => {
        const [first, ...rest] = manifest.kernels;
        const source = { ...first!.files.source, path };
        return { ...manifest, kernels: [{ ...first, files: { ...first!.files, source } }, ...rest] };
      });
      expect(refusals(), path).toEqual(['QK564 /manifest.json']);
      rmSync(folder, { recursive: true });
    }
  });

  test('its SHA256SUMS points out of it, names a file twice, or is no such list', () => {
    const line = `${'0'.repeat(64)}  `;
    for (const text of [
      `${line}../x\n`,
      `${line}/etc/passwd\n`,
      `${line}a\n${line}a\n`,
      'nonsense\n',
      '',
      line,
    ]) {
      write();
      writeFileSync(join(folder, 'SHA256SUMS'), text);
      expect(refusals(), text).toEqual(['QK560 /SHA256SUMS']);
      rmSync(folder, { recursive: true });
    }
  });

  test('its manifest is of another version, no JSON, or has a wrong value', () => {
    write();
    forgeManifest((manifest) => ({ ...manifest, abi: 2 }));
    expect(refusals()).toEqual(['QK565 /manifest.json']);
    writeFileSync(join(folder, 'manifest.json'), '{');
    reseal();
    expect(refusals()).toEqual(['QK564 /manifest.json']);
    rmSync(folder, { recursive: true });
    write();
    forgeManifest((manifest) => ({ ...manifest, built: 'yes' }));
    const read = readBundle(folder);
    expect(read.ok ? [] : read.error).toMatchObject([{ code: 'QK564', pointer: '/built' }]);
  });

  test('it is not there, or is no folder', () => {
    expect(refusals()).toEqual(['QK560 ']);
    writeFileSync(folder, '');
    expect(refusals()).toEqual(['QK560 ']);
  });
});

describe('an output folder', () => {
  test('that is empty, or a bundle, is replaced as a whole', () => {
    mkdirSync(folder);
    write();
    const before = readdirSync(join(folder, 'kernels')).length;
    write(sources.files);
    expect(readdirSync(join(folder, 'kernels')).length).toBe(before / 3);
    expect(refusals()).toEqual([]);
    expect(readdirSync(root)).toEqual(['bundle']);
  });

  test('with anything else in it is left alone', () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'thesis.tex'), '');
    const refused = writeBundle(folder, sources.files);
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'QK550', message: expect.stringContaining('thesis.tex') },
    });
    expect(readdirSync(folder)).toEqual(['thesis.tex']);
    rmSync(folder, { recursive: true });
    write();
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    expect(writeBundle(folder, sources.files)).toMatchObject({ ok: false, error: { code: 'QK550' } });
    expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
  });

  test('that another tool sealed with its own SHA256SUMS is left alone', () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'thesis.tex'), 'mine');
    writeFileSync(join(folder, 'SHA256SUMS'), formatSums(new Map([['thesis.tex', Buffer.from('mine')]])));
    expect(writeBundle(folder, sources.files)).toMatchObject({
      ok: false,
      error: { code: 'QK550', message: expect.stringContaining('SHA256SUMS and 1 more') },
    });
    expect(readdirSync(folder).sort()).toEqual(['SHA256SUMS', 'thesis.tex']);
  });

  test('whose manifest is not quikc’s is left alone, however well it is sealed', () => {
    for (const manifest of [
      '{"manifest_version": 3, "name": "an extension"}',
      '{"abi": 1}',
      '{"abi": "1", "provenance": {"quikc": "0.1.0"}}',
      '[]',
      'null',
      'no JSON',
    ]) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'manifest.json'), manifest);
      writeFileSync(join(folder, 'thesis.tex'), 'mine');
      reseal();
      expect(writeBundle(folder, sources.files), manifest).toMatchObject({
        ok: false,
        error: { code: 'QK550', message: expect.stringContaining('and 2 more') },
      });
      expect(readdirSync(folder).sort()).toEqual(['SHA256SUMS', 'manifest.json', 'thesis.tex']);
    }
  });

  test('in which its owner put a file and sealed it is left alone', () => {
    for (const path of ['notes.txt', 'kernels/mine.cu', 'manifest.json.bak']) {
      write();
      writeFileSync(join(folder, path), 'mine');
      reseal();
      expect(writeBundle(folder, sources.files)).toMatchObject({
        error: { code: 'QK550', message: expect.stringContaining(path) },
      });
      expect(readFileSync(join(folder, path), 'utf8')).toBe('mine');
      rmSync(folder, { recursive: true });
    }
  });

  test('with a bundle of another ABI version is replaced', () => {
    write();
    forgeManifest(({ provenance: { quikc } }) => ({ abi: 0, provenance: { quikc } }));
    expect(refusals()).toEqual(['QK565 /manifest.json']);
    write();
    expect(refusals()).toEqual([]);
  });

  test('with no name is refused, not taken for the working directory', () => {
    expect(checkOutput('')).toMatchObject({ ok: false, error: { code: 'QK551' } });
  });

  test('that cannot be written gives QK551 and leaves nothing behind', () => {
    writeFileSync(join(root, 'file'), '');
    expect(writeBundle(join(root, 'file', 'bundle'), sources.files)).toMatchObject({
      ok: false,
      error: { code: 'QK551' },
    });
    expect(readdirSync(root)).toEqual(['file']);
  });

  test('behind a link is replaced where it is, and the link stays', () => {
    write();
    symlinkSync(folder, join(root, 'link'));
    const written = writeBundle(join(root, 'link'), sources.files);
    expect(written).toEqual({ ok: true, value: folder });
    expect(realpathSync(join(root, 'link'))).toBe(folder);
  });

  test('is cleared of what killed compiles left beside it, and of nothing else', () => {
    const long = new Date(Date.now() - 7_200_000);
    for (const name of ['quikc-bundle-999999999-abcdef', 'quikc-bundle-mine', 'other']) {
      mkdirSync(join(root, name));
      utimesSync(join(root, name), long, long);
    }
    write();
    expect(readdirSync(root).sort()).toEqual(['bundle', 'other', 'quikc-bundle-mine']);
  });
});
