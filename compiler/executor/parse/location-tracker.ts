import type { SourcePosition } from './ptx-module.ts';

/**
 * Follows `.loc file line column [, function_name L, inlined_at file line column]` (PTX ISA 11.5.4). A position's
 * callers are those of the last `.loc` seen at the place it was inlined at, so chains of any depth come out whole.
 */
export class LocationTracker {
  private readonly files = new Map<number, string>();
  private readonly chains = new Map<string, readonly SourcePosition[]>();
  private position: readonly SourcePosition[] = [];

  /** `.file` directives stand at the end of nvcc's output, so they are collected from the whole text first. */
  constructor(text: string) {
    for (const match of text.matchAll(/^\s*\.file\s+(\d+)\s+"([^"]*)"/gm)) {
      this.files.set(Number(match[1]), match[2] ?? '');
    }
  }

  enter(directive: string): void {
    const match = /^\.loc\s+(\d+)\s+(\d+)\s+(\d+)(?:.*inlined_at\s+(\d+)\s+(\d+)\s+(\d+))?/.exec(directive);
    if (match === null) return;
    const own = { file: this.files.get(Number(match[1])) ?? `file ${match[1]}`, line: Number(match[2]) };
    let callers: readonly SourcePosition[] = [];
    if (match[4] !== undefined) {
      callers = this.chains.get(`${match[4]} ${match[5]} ${match[6]}`) ?? [
        { file: this.files.get(Number(match[4])) ?? `file ${match[4]}`, line: Number(match[5]) },
      ];
    }
    this.position = [own, ...callers];
    this.chains.set(`${match[1]} ${match[2]} ${match[3]}`, this.position);
  }

  current(): readonly SourcePosition[] {
    return this.position;
  }
}
