/** A kernel's text without comments and without what those leave: what a compiler makes of it is the same. */
export function stripComments(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/\s*\/\/.*$/, ''))
    .filter((line) => line !== '')
    .join('\n');
}
