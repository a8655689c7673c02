/** True if `file`, as a document names it, stays below the document's own folder: relative, no `..`, nothing odd. */
export function isInsideFolder(file: string): boolean {
  const absolute = file.startsWith('/') || /^[A-Za-z]:/.test(file);
  return (
    !absolute &&
    !/[\\\p{Cc}]/u.test(file) &&
    file.split('/').every((segment) => segment !== '..' && segment !== '')
  );
}
