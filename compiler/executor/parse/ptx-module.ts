/** Width classes of PTX registers (PTX ISA 5.2): the executor checks every operand against them. */
export type RegisterClass = 'pred' | 'b16' | 'b32' | 'b64';

export interface Register {
  /** Index into {@link PtxEntry.registers}; inner `{ }` scopes get registers of their own. */
  readonly id: number;
  readonly name: string;
  readonly class: RegisterClass;
}

export type Operand =
  | { readonly kind: 'register'; readonly register: Register; readonly negated: boolean }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'float'; readonly bits: number }
  | { readonly kind: 'special'; readonly name: string }
  | { readonly kind: 'symbol'; readonly name: string; readonly offset: number }
  | { readonly kind: 'address'; readonly base: Register | string | null; readonly offset: number }
  | { readonly kind: 'vector'; readonly items: readonly Operand[] }
  | { readonly kind: 'pair'; readonly first: Operand; readonly second: Operand }
  | { readonly kind: 'label'; readonly name: string }
  | { readonly kind: 'sink' };

export interface SourcePosition {
  readonly file: string;
  readonly line: number;
}

export interface PtxInstruction {
  readonly line: number;
  /** Mnemonic before the first dot. */
  readonly opcode: string;
  readonly modifiers: readonly string[];
  /** The whole spelling, as counters print it. */
  readonly spelling: string;
  readonly operands: readonly Operand[];
  readonly guard: { readonly register: Register; readonly negated: boolean } | null;
  /** Innermost position first, then each call site it was inlined at. Empty without -lineinfo. */
  readonly source: readonly SourcePosition[];
}

export type PtxStatement =
  | { readonly kind: 'label'; readonly name: string; readonly line: number }
  | { readonly kind: 'instruction'; readonly instruction: PtxInstruction };

export interface PtxParameter {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  /** The declared type, without the dot; `b8` for an array of bytes. */
  readonly type: string;
}

export interface SharedArray {
  readonly name: string;
  readonly bytes: number;
  readonly align: number;
  /** `.extern .shared`: sized by the launch. */
  readonly dynamic: boolean;
}

export interface PtxEntry {
  readonly name: string;
  readonly line: number;
  readonly parameters: readonly PtxParameter[];
  readonly parameterBytes: number;
  readonly registers: readonly Register[];
  readonly shared: readonly SharedArray[];
  readonly statements: readonly PtxStatement[];
}

export interface PtxModule {
  readonly entries: readonly PtxEntry[];
}

/** A construct the executor does not know, or PTX that is not well formed. */
export interface PtxError {
  readonly line: number;
  readonly message: string;
}

/** Thrown inside the parser and code generator; the public functions turn it into a {@link PtxError} value. */
export class PtxFault extends Error {
  override readonly name = 'PtxFault';
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}
