/** A JavaScript expression, or a table of tables. */
export type Table = string | readonly Table[] | { readonly [key: string]: Table };

const widest = 100;

/** A table as JavaScript: on one line where it fits, else an entry a line. Strings stand as they are. */
export function formatTable(table: Table, indent = '', printKey = formatKey): string {
  if (typeof table === 'string') return table;
  const inner = `${indent}  `;
  const list = isList(table);
  const [open, close] = list ? ['[', ']'] : ['{', '}'];
  const parts = list
    ? table.map((value) => formatTable(value, inner, printKey))
    : Object.entries(table).map(([key, value]) => `${printKey(key)}: ${formatTable(value, inner, printKey)}`);
  const line = list ? `[${parts.join(', ')}]` : `{ ${parts.join(', ')} }`;
  if (line.length + indent.length <= widest && !line.includes('\n'))
    return parts.length === 0 ? open + close : line;
  return `${open}\n${parts.map((part) => `${inner}${part},\n`).join('')}${indent}${close}`;
}

/** A key of an object or a type; `__proto__` would not be one without quotes and brackets. */
export function formatKey(key: string): string {
  if (key === '__proto__') return "['__proto__']";
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}

/** How a property is reached: `.name`, or `["other name"]`. */
export function formatAccess(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function isList(table: Exclude<Table, string>): table is readonly Table[] {
  return Array.isArray(table);
}
