/** A minimal cubin: an ELF64 file with one kernel, whose instructions have the given low words. */
export function makeCubin(kernel: {
  symbol: string;
  words: readonly number[];
  subroutines?: readonly string[];
}): Buffer {
  const names = strings(['', '.strtab', '.symtab', `.text.${kernel.symbol}`]);
  const symbols = [kernel.symbol, ...(kernel.subroutines ?? [])];
  const symbolNames = strings(['', ...symbols]);
  const text = Buffer.alloc(kernel.words.length * 16);
  for (const [i, word] of kernel.words.entries()) text.writeUInt32LE(word, i * 16);
  const table = Buffer.alloc(24 * (symbols.length + 1));
  for (const [i, symbol] of symbols.entries()) {
    const at = 24 * (i + 1);
    table.writeUInt32LE(symbolNames.offsets.get(symbol) ?? 0, at);
    table.writeUInt8(0x12, at + 4); // global function
    table.writeUInt16LE(3, at + 6);
  }
  const bodies = [Buffer.alloc(0), Buffer.concat([names.bytes, symbolNames.bytes]), table, text];
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  const sections = Buffer.alloc(64 * bodies.length);
  let at = 64;
  const sectionNames = ['', '.strtab', '.symtab', `.text.${kernel.symbol}`];
  const types = [0, 3, 2, 1];
  for (const [i, body] of bodies.entries()) {
    sections.writeUInt32LE(names.offsets.get(sectionNames[i]!) ?? 0, i * 64);
    sections.writeUInt32LE(types[i]!, i * 64 + 4);
    sections.writeBigUInt64LE(BigInt(at), i * 64 + 0x18);
    sections.writeBigUInt64LE(BigInt(body.length), i * 64 + 0x20);
    at += body.length;
  }
  // A second string section, for symbols, begins after the section names: section 4.
  const symbolStrings = Buffer.alloc(64);
  symbolStrings.writeUInt32LE(3, 4);
  symbolStrings.writeBigUInt64LE(BigInt(64 + names.bytes.length), 0x18);
  symbolStrings.writeBigUInt64LE(BigInt(symbolNames.bytes.length), 0x20);
  sections.writeUInt32LE(4, 2 * 64 + 0x28);
  header.writeBigUInt64LE(BigInt(at), 0x28);
  header.writeUInt16LE(64, 0x3a);
  header.writeUInt16LE(bodies.length + 1, 0x3c);
  header.writeUInt16LE(1, 0x3e);
  return Buffer.concat([header, ...bodies, sections, symbolStrings]);
}

function strings(words: readonly string[]): { bytes: Buffer; offsets: Map<string, number> } {
  const offsets = new Map<string, number>();
  let text = '';
  for (const word of words) {
    offsets.set(word, text.length);
    text += `${word}\0`;
  }
  return { bytes: Buffer.from(text, 'latin1'), offsets };
}
