type Option = string | boolean | readonly string[] | undefined;

/** A command of quikc's with its options, as they are named by commander, for a POSIX shell. */
export function formatCommand(command: string, argument: string, options: object): string {
  const words = Object.entries<Option>({ ...options }).flatMap(([name, value]) => {
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === undefined) return [];
    if (typeof value === 'boolean') return [value ? flag : `--no-${flag.slice(2)}`];
    return typeof value === 'string' ? [flag, value] : value.flatMap((one) => [flag, one]);
  });
  return ['quikc', command, argument, ...words].map(quoteArgument).join(' ');
}

/** As it is where a shell leaves it so. */
export function quoteArgument(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
