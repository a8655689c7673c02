import type { CommandContext, OutputOptions } from './command.ts';

/** Progress appears where something takes longer than this. */
const silentMs = 2000;
/** A terminal is not written to more often than this. */
const intervalMs = 200;

export interface ShownFraction {
  readonly onFraction: (fraction: number) => void;
  /** Removes the line. */
  readonly clear: () => void;
}

/** One line on a terminal that tells how much of some work is done and how long the rest will take. */
export function showFraction(
  what: string,
  options: OutputOptions,
  context: CommandContext,
  isTerminal: boolean = process.stderr.isTTY === true,
  now: () => number = () => performance.now(),
): ShownFraction {
  if (!isTerminal || options.quiet === true) return { onFraction: () => {}, clear: () => {} };
  const start = now();
  let last = start;
  let shown = false;
  return {
    onFraction(fraction) {
      const time = now();
      if (time - start < silentMs || time - last < intervalMs || fraction <= 0) return;
      last = time;
      shown = true;
      const left = Math.ceil((((time - start) / fraction) * (1 - fraction)) / 1000);
      context.err(`\r\u001b[K${what}: ${Math.floor(fraction * 100)} %, about ${left} s left`);
    },
    clear() {
      if (shown) context.err('\r\u001b[K');
    },
  };
}
