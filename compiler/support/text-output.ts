import { fstatSync, writeSync } from 'node:fs';

/** A stream of this process that takes text, and remembers whether all of it was written. */
export interface TextOutput {
  write(text: string): void;
  /** Waits for what is on its way; the first fault for which something was lost. */
  settle(): Promise<NodeJS.ErrnoException | undefined>;
}

/**
 * Standard output or error. What is redirected to a file is written here, to the last byte: Node's own stream does not look
 * how much of it a full disk took. `onClosed` is called where the reader of a pipe goes away, which is no fault.
 */
export function openTextOutput(
  stream: NodeJS.WriteStream & { readonly fd: number },
  onClosed?: () => void,
): TextOutput {
  let fault: NodeJS.ErrnoException | undefined;
  stream.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EPIPE') onClosed?.();
    else fault ??= cause;
  });
  const about = fstatSync(stream.fd);
  const isFile = about.isFile() || (about.isCharacterDevice() && !stream.isTTY);
  return {
    write(text) {
      if (!isFile) {
        stream.write(text);
        return;
      }
      try {
        writeWhole(stream.fd, Buffer.from(text));
      } catch (cause) {
        fault ??= cause as NodeJS.ErrnoException;
      }
    },
    async settle() {
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
      return fault;
    },
  };
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
