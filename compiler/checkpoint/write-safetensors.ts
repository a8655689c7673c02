import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { assert } from '../support/assert.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { makeScratchFolder, sweepScratchFolders } from '../support/scratch-folder.ts';
import { layOutSafetensors, type PlacedTensor, type TensorLayout } from './lay-out-safetensors.ts';

export interface TensorToWrite extends TensorLayout {
  /** All of its bytes, or what yields them, so that not all tensors need be in memory. */
  readonly bytes: Uint8Array | (() => BytePieces);
}

/** Bytes in order; a fault ends them. */
export type BytePieces = Iterable<Result<Uint8Array, Diagnostic>>;

export type Metadata = Readonly<Record<string, string>>;

/** A safetensors file in the making: beside its place until `finish`, and nowhere after `abandon`. */
export interface SafetensorsWriter {
  /** The bytes of a tensor, whole or in pieces; tensors come in any order, each once. QK171 where the disk takes no more, or the pieces' fault. */
  write(name: string, bytes: Uint8Array | BytePieces): Result<undefined, Diagnostic>;
  /** Puts the file in its place, in one step. Every tensor has been written. */
  finish(): Result<undefined, Diagnostic>;
  /** Removes what there is. Does nothing after `finish`. */
  abandon(): void;
}

/** One write of the system takes less than 2^31 bytes. */
const mostAtOnce = 2 ** 30;

/** Starts a safetensors file whose tensors are made later, one by one. Equal tensors and metadata make equal bytes. */
export function createSafetensors(
  file: string,
  tensors: readonly TensorLayout[],
  metadata: Metadata = {},
): Result<SafetensorsWriter, Diagnostic> {
  const refuse = (cause: unknown) => fail(diagnose('QK171', { file, message: describeFileError(cause) }));
  const { header, places } = layOutSafetensors(tensors, metadata);
  let scratch: string | undefined;
  let handle: number | undefined;
  const abandon = () => {
    if (handle !== undefined) closeSync(handle);
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
    handle = undefined;
    scratch = undefined;
  };
  const unwritten = new Map<string, PlacedTensor>(places.map((place) => [place.name, place]));
  try {
    sweepScratchFolders(dirname(file));
    scratch = makeScratchFolder(dirname(file), 'write');
    handle = openSync(join(scratch, basename(file)), 'wx');
    writeAll(handle, header, 0);
  } catch (cause) {
    abandon();
    return refuse(cause);
  }
  const open = handle;
  return succeed({
    write(name, bytes) {
      const place = unwritten.get(name);
      assert(place !== undefined && handle !== undefined, `${name} is to be written, once`);
      unwritten.delete(name);
      let at = place.begin;
      try {
        for (const piece of bytes instanceof Uint8Array ? [succeed(bytes)] : bytes) {
          if (!piece.ok) return piece;
          const { length } = piece.value;
          assert(at + length <= place.end, `${name} has ${place.end - place.begin} bytes`);
          writeAll(open, piece.value, header.length + at);
          at += length;
        }
      } catch (cause) {
        if (!isFileError(cause)) throw cause;
        return refuse(cause);
      }
      assert(at === place.end, `${name} has ${place.end - place.begin} bytes, not ${at - place.begin}`);
      return succeed(undefined);
    },
    finish() {
      assert(unwritten.size === 0 && scratch !== undefined, 'every tensor is written');
      try {
        fsyncSync(open);
        renameSync(join(scratch, basename(file)), file);
        abandon();
        return succeed(undefined);
      } catch (cause) {
        abandon();
        return refuse(cause);
      }
    },
    abandon,
  });
}

/** Writes a whole safetensors file, or nothing: QK171. */
export function writeSafetensors(
  file: string,
  tensors: readonly TensorToWrite[],
  metadata: Metadata = {},
): Result<undefined, Diagnostic> {
  const created = createSafetensors(file, tensors, metadata);
  if (!created.ok) return created;
  const writer = created.value;
  try {
    for (const { name, bytes } of tensors) {
      const written = writer.write(name, typeof bytes === 'function' ? bytes() : bytes);
      if (!written.ok) return written;
    }
    return writer.finish();
  } finally {
    writer.abandon();
  }
}

function writeAll(handle: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(handle, bytes, done, Math.min(bytes.length - done, mostAtOnce), position + done);
}

/** The system's own: anything else that a tensor's pieces throw is a fault of theirs. */
function isFileError(cause: unknown): boolean {
  return cause instanceof Error && 'syscall' in cause;
}
