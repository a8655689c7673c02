// Part of a package that quikc wrote; the same in each.

/** What went wrong: `code` for programs, `message` for people. */
export class BundleError extends Error {
  /**
   * @param {import('./types.d.ts').BundleErrorCode} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = 'BundleError';
    this.code = code;
  }
}
