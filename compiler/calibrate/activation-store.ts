import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Matrix } from '../reference/float-model/matrix.ts';
import { assert } from '../support/assert.ts';
import { bytesOf } from '../support/bytes-of.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';

/**
 * What passes between layers, of every window: what the next layer reads, and what it leaves. The two change places where a layer is
 * done, so that what went in is whole until everything has come out.
 */
export interface ActivationStore {
  /** [rows of a window, features] of the layer before. */
  read(window: number): Result<Matrix, Diagnostic>;
  /** Of this layer; every window, before `turn`. */
  write(window: number, value: Matrix): Result<undefined, Diagnostic>;
  /** What was written is what is read from now on. */
  turn(): void;
  close(): void;
}

export interface StoreOptions {
  readonly windows: number;
  /** Of a window. */
  readonly rows: number;
  /** Bytes of one side beyond which it lies in a file. */
  readonly limit: number;
  /** Makes the folder for such files, where one is needed. */
  readonly folder: () => string;
}

/** One side: all windows of one width. */
interface Side {
  read(window: number): Float64Array;
  write(window: number, data: Float64Array): void;
  close(): void;
}

export function createActivationStore({ windows, rows, limit, folder }: StoreOptions): ActivationStore {
  let reads: { readonly side: Side; readonly features: number } | undefined;
  let writes: typeof reads;
  let turns = 0;
  /** Where the file cannot be used, in the words of the system. */
  const attempt = <T>(run: () => T): Result<T, Diagnostic> => {
    try {
      return succeed(run());
    } catch (cause) {
      if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
      const message = `activations between layers: ${describeFileError(cause)}`;
      return fail(diagnose('QK171', { message }));
    }
  };
  return {
    read(window) {
      assert(reads !== undefined && window < windows, 'something was written before');
      const { side, features } = reads;
      const data = attempt(() => side.read(window));
      return data.ok ? succeed({ rows, columns: features, data: data.value }) : data;
    },
    write(window, value) {
      assert(value.rows === rows && window < windows, 'a window has as many rows as the others');
      const features = value.columns;
      return attempt(() => {
        if (writes === undefined) {
          const isLarge = 8 * windows * rows * features > limit;
          const side = isLarge
            ? fileSide(join(folder(), `activations-${turns % 2}`), rows * features)
            : memorySide();
          writes = { side, features };
        }
        assert(writes.features === features, 'all windows are of one width');
        writes.side.write(window, value.data);
        return undefined;
      });
    },
    turn() {
      reads?.side.close();
      reads = writes;
      writes = undefined;
      turns += 1;
    },
    close() {
      reads?.side.close();
      writes?.side.close();
      reads = undefined;
      writes = undefined;
    },
  };
}

function memorySide(): Side {
  const kept = new Map<number, Float64Array>();
  return {
    read(window) {
      const data = kept.get(window);
      assert(data !== undefined, `window ${window} was written`);
      return data;
    },
    write: (window, data) => kept.set(window, data),
    close: () => kept.clear(),
  };
}

type Move = (handle: number, bytes: Uint8Array, offset: number, length: number, position: number) => number;

/** Two files at most, each used again by every other layer. */
function fileSide(file: string, values: number): Side {
  const handle = openSync(file, 'w+');
  const each = (data: Float64Array, window: number, move: Move): Float64Array => {
    const bytes = bytesOf(data);
    for (let done = 0; done < bytes.length; ) {
      const count = move(handle, bytes, done, bytes.length - done, 8 * values * window + done);
      assert(count > 0, `window ${window} was written`);
      done += count;
    }
    return data;
  };
  return {
    read: (window) => each(new Float64Array(values), window, readSync),
    write: (window, data) => {
      each(data, window, writeSync);
    },
    close: () => {
      ftruncateSync(handle);
      closeSync(handle);
    },
  };
}
