/** A place in an emitted kernel: its line in the .cu file, and the phase whose comment stands above it. */
export interface SourcePlace {
  readonly line: number;
  readonly phase?: string;
}

const kernelHeading = /^\/\/ ---- Kernel/;
/** Phases are introduced by a comment such as `// load: starts the copies …`. */
const phaseComment = /^\s*\/\/ ([a-z_]+): /;

/**
 * Where in its emitted text an instruction comes from. `lines` runs from the innermost inlined position outwards; a
 * position inside a device function says what is done, the first one within the kernel's body says in which phase.
 */
export function phaseOf(text: string, lines: readonly number[]): SourcePlace | undefined {
  const first = lines[0];
  if (first === undefined) return undefined;
  const source = text.split('\n');
  const start = source.findIndex((line) => kernelHeading.test(line));
  const inBody = lines.find((line) => start >= 0 && line > start);
  if (inBody === undefined) return { line: first };
  for (let line = inBody; line > start; line--) {
    const match = phaseComment.exec(source[line - 1] ?? '');
    if (match?.[1] !== undefined) return { line: first, phase: match[1] };
  }
  return { line: first };
}
