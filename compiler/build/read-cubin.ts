import { fail, type Result, succeed } from '../support/result.ts';
import { sassMnemonic } from './sass-opcodes.ts';

/** The machine code of one kernel, as counted in a cubin. */
export interface KernelCode {
  readonly symbol: string;
  readonly instructions: number;
  readonly opcodes: Readonly<Record<string, number>>;
  readonly subroutines: readonly string[];
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

const instructionBytes = 16;
const symbolEntryBytes = 24;
const symbolTableType = 2;
const functionType = 2;
const textPrefix = '.text.';

/** Counts the instructions of every kernel in a cubin, an ELF64 file with one `.text.<symbol>` section a kernel. */
export function readCubin(bytes: Uint8Array): Result<readonly KernelCode[], string> {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.length < 64 || data.toString('latin1', 0, 5) !== '\x7fELF\x02')
    return fail('not a 64-bit ELF file');
  try {
    const sections = readSections(data);
    const functions = readFunctions(data, sections);
    const kernels = sections.flatMap((section, index) => {
      if (!section.name.startsWith(textPrefix)) return [];
      const symbol = section.name.slice(textPrefix.length);
      const others = functions.filter((entry) => entry.section === index && entry.name !== symbol);
      return [{ symbol, ...countInstructions(data, section), subroutines: others.map(({ name }) => name) }];
    });
    return kernels.length === 0 ? fail('no kernel in it') : succeed(kernels);
  } catch (error) {
    if (error instanceof RangeError) return fail('the file is cut off');
    throw error;
  }
}

function readSections(data: Buffer): Section[] {
  const tableAt = Number(data.readBigUInt64LE(0x28));
  const entryBytes = data.readUInt16LE(0x3a);
  const count = data.readUInt16LE(0x3c);
  const namesAt = data.readUInt16LE(0x3e);
  if (tableAt + count * entryBytes > data.length) throw new RangeError('section table outside the file');
  const stringsAt = Number(data.readBigUInt64LE(tableAt + namesAt * entryBytes + 0x18));
  return Array.from({ length: count }, (_, index) => {
    const at = tableAt + index * entryBytes;
    return {
      name: textAt(data, stringsAt + data.readUInt32LE(at)),
      type: data.readUInt32LE(at + 4),
      offset: Number(data.readBigUInt64LE(at + 0x18)),
      size: Number(data.readBigUInt64LE(at + 0x20)),
      link: data.readUInt32LE(at + 0x28),
    };
  });
}

function readFunctions(data: Buffer, sections: readonly Section[]): { name: string; section: number }[] {
  return sections
    .filter(({ type }) => type === symbolTableType)
    .flatMap(({ offset, size, link }) =>
      Array.from({ length: Math.floor(size / symbolEntryBytes) }, (_, i) => offset + i * symbolEntryBytes)
        .filter((at) => (data.readUInt8(at + 4) & 0xf) === functionType)
        .map((at) => ({
          name: textAt(data, (sections[link]?.offset ?? data.length) + data.readUInt32LE(at)),
          section: data.readUInt16LE(at + 6),
        })),
    );
}

function countInstructions(data: Buffer, section: Section): Pick<KernelCode, 'instructions' | 'opcodes'> {
  const counts = new Map<string, number>();
  for (let at = section.offset; at < section.offset + section.size; at += instructionBytes) {
    const mnemonic = sassMnemonic(data.readUInt32LE(at));
    counts.set(mnemonic, (counts.get(mnemonic) ?? 0) + 1);
  }
  const opcodes = Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { instructions: section.size / instructionBytes, opcodes };
}

function textAt(data: Buffer, at: number): string {
  const end = data.indexOf(0, at);
  if (at >= data.length || end < 0) throw new RangeError('string outside the file');
  return data.toString('latin1', at, end);
}
