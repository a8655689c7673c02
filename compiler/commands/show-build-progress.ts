import type { BuildProgress } from '../build/build-kernels.ts';
import type { CommandContext, OutputOptions } from './command.ts';

/** Progress appears where something takes longer than this. */
const silentMs = 2000;

export interface ShownProgress {
  readonly onProgress: (progress: BuildProgress) => void;
  /** Removes the line. */
  readonly clear: () => void;
}

/** One line on a terminal that tells how many kernels are built and how long the rest will take. */
export function showBuildProgress(
  options: OutputOptions,
  context: CommandContext,
  isTerminal: boolean = process.stderr.isTTY === true,
  now: () => number = () => performance.now(),
): ShownProgress {
  if (!isTerminal || options.quiet === true) return { onProgress: () => {}, clear: () => {} };
  const start = now();
  let compiled = 0;
  let shown = false;
  return {
    onProgress({ outcome, done, total }) {
      if (outcome !== 'cached') compiled += 1;
      const elapsed = now() - start;
      if (elapsed < silentMs || compiled === 0 || done === total) return;
      // What the cache holds takes no time, so only compiled kernels tell how fast compiling goes.
      const left = Math.ceil(((elapsed / compiled) * (total - done)) / 1000);
      shown = true;
      context.err(`\r\u001b[Kbuilding kernels: ${done} of ${total}, about ${left} s left`);
    },
    clear() {
      if (shown) context.err('\r\u001b[K');
    },
  };
}
