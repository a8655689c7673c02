import type { Register } from '../parse/ptx-module.ts';
import type { RegisterFile } from './register-file.ts';

/** What every code generator needs to know of the kernel it writes for. */
export interface KernelContext {
  readonly file: RegisterFile;
  /** Address of a shared array. */
  readonly symbol: (name: string) => number | undefined;
  /** Byte offset of a parameter in the parameter block. */
  readonly parameter: (name: string) => number | undefined;
  /** Whether some path reaches this use without a definition, so that it must be checked as it runs. */
  readonly isUnproven: (instruction: number, register: Register) => boolean;
  readonly isTracked: (register: Register) => boolean;
  /** Whether any instruction reads the register. */
  readonly isRead: (register: Register) => boolean;
}
