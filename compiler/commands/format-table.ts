/** A column: its heading, and on which side its cells line up. */
export interface Column {
  readonly heading: string;
  readonly align: 'left' | 'right';
}

/** Rows under headings, two spaces apart, no trailing blanks. Ends with a newline. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ heading }) => heading), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => (line[index] ?? '').length)));
  const format = (line: readonly string[]) =>
    columns
      .map(({ align }, index) => {
        const cell = line[index] ?? '';
        const width = widths[index] ?? 0;
        return align === 'left' ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  return `${lines.map(format).join('\n')}\n`;
}
