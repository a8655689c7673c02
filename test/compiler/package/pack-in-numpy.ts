import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PackedLinear, packQuik } from '../../../compiler/reference/pack-quik.ts';
import type { ActivationDtype } from '../../../ir/dtype.ts';
import type { ManifestLayer } from '../../../ir/manifest.ts';

const folderOfPacker = fileURLToPath(new URL('../../../compiler/package', import.meta.url));
export const hasNumpy = spawnSync('python3', ['-c', 'import numpy']).status === 0;

/** What pack_quik.py reads of a layer of the manifest. */
export interface Recipe extends Pick<ManifestLayer, 'id' | 'n' | 'k' | 'bits' | 'columnMode'> {
  readonly outliers: Pick<ManifestLayer['outliers'], 'count' | 'columns'>;
  readonly scale: Pick<ManifestLayer['scale'], 'clip'>;
}

export interface Arrays {
  readonly weights: Float32Array;
  readonly bias?: Float32Array;
  readonly scales?: Float32Array;
}

export interface Choice {
  readonly outliers?: readonly number[];
  readonly repetition?: number;
}

const program = `
import json, os, sys
import numpy as np
sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(folderOfPacker)})
from pack_quik import pack_quik

def pack(folder):
    at = lambda name: os.path.join(folder, name)
    case = json.load(open(at('case.json')))
    arrays = {name: np.fromfile(at(name), np.float32) for name in case['names']}
    arrays['weights'] = arrays['weights'].reshape(case['layer']['n'], -1)
    for name, data in pack_quik(case['layer'], case['dtype'], **arrays, **case['choice']).items():
        open(at(name + '.packed'), 'wb').write(data)

answers = open('answers', 'w')
for folder in open('folders'):
    try:
        pack(folder.strip())
        answers.write('\\n')
    except Exception as fault:
        answers.write(repr(fault).replace('\\n', ' ') + '\\n')
    answers.flush()
`;

/** One Python for all: starting it and NumPy takes longer than packing. It ends with this process, whose pipes it reads. */
function startPacker(): (folder: string) => string {
  const folder = mkdtempSync(path.join(tmpdir(), 'quikc-packer-'));
  const [folders, answers] = ['folders', 'answers'].map((name) => path.join(folder, name)) as [
    string,
    string,
  ];
  execFileSync('mkfifo', [folders, answers]);
  spawn('python3', ['-c', program], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] }).unref();
  // For reading and writing: to open one side alone would wait for the other.
  const requests = openSync(folders, 'r+');
  const replies = openSync(answers, constants.O_RDWR | constants.O_NONBLOCK);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return (each) => {
    writeSync(requests, `${each}\n`);
    return readAnswer(replies);
  };
}

/** A line, waited for: a packer that has ended never answers. */
function readAnswer(replies: number): string {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const deadline = Date.now() + 15_000;
  const piece = Buffer.alloc(4096);
  for (let said = ''; Date.now() < deadline; Atomics.wait(clock, 0, 0, 2)) {
    try {
      said += piece.toString('utf8', 0, readSync(replies, piece));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
    if (said.endsWith('\n')) return said.trim();
  }
  throw new Error('pack_quik.py does not answer');
}
let packer: ReturnType<typeof startPacker> | undefined;

/** What pack_quik.py makes of the record as JSON has it, or why it refuses. */
export function packInNumpy(layer: Recipe, dtype: string, arrays: Arrays, choice: Choice = {}): PackedLinear {
  const folder = mkdtempSync(path.join(tmpdir(), 'quikc-pack-'));
  try {
    const names = Object.keys(arrays);
    for (const [name, values] of Object.entries(arrays)) writeFileSync(path.join(folder, name), values);
    writeFileSync(path.join(folder, 'case.json'), JSON.stringify({ layer, dtype, names, choice }));
    packer ??= startPacker();
    const fault = packer(folder);
    if (fault !== '') throw new Error(fault);
    const read = (name: string) => new Uint8Array(readFileSync(path.join(folder, `${name}.packed`)));
    return {
      weights: read('weights'),
      columnMeta: read('column_meta'),
      outlierWeights: read('outlier_weights'),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const firstList = ({ outliers: { columns } }: Recipe): readonly number[] =>
  (columns.kind === 'listed' ? columns.lists[0] : undefined) ?? [];

/** The same by quikc itself: with the record's first list of columns, or with others. */
export function packInTypescript(
  layer: Recipe,
  dtype: ActivationDtype,
  { weights, bias, scales }: Arrays,
  outliers = firstList(layer),
): PackedLinear {
  const { n, k, bits, columnMode, scale } = layer;
  return packQuik(
    { n, k, weights, outlierColumns: Int32Array.from(outliers), ...(bias ? { bias } : {}) },
    { bits, dtype, columns: columnMode, clip: scale.clip === 'search', ...(scales ? { scales } : {}) },
  );
}

/** Where two packings part, argument by argument; quick where they agree, as toEqual of so many bytes is not. */
export function differences(packed: PackedLinear, expected: PackedLinear): readonly string[] {
  return (['weights', 'columnMeta', 'outlierWeights'] as const).flatMap((name) => {
    const [found, wanted] = [packed[name], expected[name]];
    if (Buffer.compare(found, wanted) === 0) return [];
    const at = wanted.findIndex((byte, i) => byte !== found[i]);
    return [`${name}: ${found.length} of ${wanted.length} bytes, [${at}] is ${found[at]}, not ${wanted[at]}`];
  });
}
