import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Graph, WeightReference } from '../../ir/graph.ts';
import { readWalk, saveWalk } from '../calibrate/save-walk.ts';
import type { TokenWindows } from '../calibrate/token-windows.ts';
import type { LayerWalk, WalkState } from '../calibrate/walk-layers.ts';
import { quantisedFormat, writeLinear } from '../checkpoint/quantised-tensors.ts';
import { readQuantisedLinear } from '../checkpoint/read-quantised-linear.ts';
import { writeSafetensors } from '../checkpoint/write-safetensors.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { dequantiseLinear } from '../reference/dequantise-linear.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import { ensureFolder } from '../support/ensure-folder.ts';
import { lockFile } from '../support/lock-file.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { PlannedLayer } from './plan-quantisation.ts';
import type { NamedLinear } from './quantise-group.ts';
import { readLayerFiles } from './read-layer-files.ts';

/**
 * What has been done of a model, in a folder beside the output: a file for each group that is quantised, and where the walk stands.
 * Whoever is killed leaves it, and the next call for the same output, model, tokens and options goes on from there.
 */
export interface QuantiseWorkspace {
  readonly folder: string;
  /** Of the job, as its file `job` has it. */
  readonly identity: string;
  /** The file of a group, by the number of its layer and its own in it, whether it is there or not. */
  groupFile(at: number, index: number): string;
  hasGroup(at: number, index: number): boolean;
  saveGroup(at: number, index: number, linears: readonly NamedLinear[]): Result<undefined, Diagnostic>;
  /** The weights of a layer whose groups are done: those that were quantised as their codes have them, the others as `read` has them. */
  readLayer(
    at: number,
    planned: PlannedLayer | undefined,
    read: ReadWeight<Diagnostic>,
  ): Result<ReadWeight<Diagnostic>, Diagnostic>;
  /** Where a walk was left, if that was saved and can be read. */
  readWalk(tokens: TokenWindows): WalkState | undefined;
  saveWalk(walk: LayerWalk): Result<undefined, Diagnostic>;
  /** Gives up the lock; what was done stays unless `done`. */
  close(done: boolean): void;
}

/** Activations of more bytes are not saved: the layers before are walked again, which costs less than writing them each time. */
const mostSaved = 2 ** 30;

const lockName = 'lock';

/** `identity` is of all that the bytes of the output depend on: another one's folder is started anew. QK171, QK185. */
export function openQuantiseWorkspace(
  output: string,
  graph: Graph,
  identity: string,
): Result<QuantiseWorkspace, Diagnostic> {
  const folder = `${output}.quikc-partial`;
  const job = join(folder, 'job');
  const walkFile = join(folder, 'walk.safetensors');
  try {
    ensureFolder(folder);
    const lock = lockFile(join(folder, lockName));
    if (!lock.taken) {
      const message = `process ${lock.holder} is at it`;
      return fail(diagnose('QK185', { file: output, message }));
    }
    if (!existsSync(job) || readFileSync(job, 'utf8') !== identity) {
      for (const name of readdirSync(folder))
        if (name !== lockName) rmSync(join(folder, name), { recursive: true, force: true });
      writeFileSync(job, identity);
    }
    const groupFile = (at: number, index: number) =>
      join(folder, `layer-${`${at}`.padStart(5, '0')}-${index}.safetensors`);
    return succeed({
      folder,
      identity,
      groupFile,
      hasGroup: (at, index) => existsSync(groupFile(at, index)),
      saveGroup: (at, index, linears) =>
        writeSafetensors(
          groupFile(at, index),
          linears.flatMap(({ name, linear }) => writeLinear(name, linear, graph.dtype)),
          { format: quantisedFormat },
        ),
      readLayer: (at, planned, read) =>
        planned === undefined
          ? succeed(read)
          : readLayer(
              planned.groups.map((_, index) => groupFile(at, index)),
              planned,
              read,
            ),
      readWalk(tokens) {
        if (!existsSync(walkFile)) return undefined;
        const read = readWalk(walkFile, graph, tokens);
        return read.ok ? read.value : undefined;
      },
      saveWalk(walk) {
        const first = walk.state().activations.read(0);
        if (!first.ok) return first;
        const bytes = first.value.data.byteLength * walk.tokens.count;
        return bytes > mostSaved ? succeed(undefined) : saveWalk(walkFile, graph, walk);
      },
      close(done) {
        if (done) rmSync(folder, { recursive: true, force: true });
        else lock.release();
      },
    });
  } catch (cause) {
    return fail(diagnose('QK171', { file: folder, message: describeFileError(cause) }));
  }
}

function readLayer(
  files: readonly string[],
  { layer, groups }: PlannedLayer,
  read: ReadWeight<Diagnostic>,
): Result<ReadWeight<Diagnostic>, Diagnostic> {
  const [file = ''] = files;
  const listed = readLayerFiles(files);
  if (!listed.ok) return fail(listed.error[0] ?? diagnose('QK179', { file, message: 'it cannot be read' }));
  const tensors = new Map(listed.value.map((tensor) => [tensor.name, tensor]));
  const known = new Map<WeightReference, Float32Array>();
  for (const { name, n, k, bits, weight } of groups.flatMap(({ linears }) => linears)) {
    const outliers = tensors.get(`${name}.outlier_columns`)?.shape[0] ?? 0;
    const linear = readQuantisedLinear(
      tensors,
      { name, n, k, bits, outliers, outlierColumns: undefined },
      file,
    );
    if (!linear.ok) return linear;
    known.set(weight, dequantiseLinear(linear.value));
  }
  return succeed((reference, index) => {
    const own = index === layer.index ? known.get(reference) : undefined;
    return own === undefined ? read(reference, index) : succeed(own);
  });
}
