/** Handlebars sources by name: the path under templates/ without `.cu.hbs`, `.cuh.hbs`, `.wgsl.hbs` or `.hbs`. */
export interface TemplateSet {
  readonly sources: ReadonlyMap<string, string>;
  /** Where each was read, below the folder of templates. Absent for a set that was never in files. */
  readonly paths?: ReadonlyMap<string, string>;
  /** SHA-256 over all names and sources: printed in every banner. */
  readonly digest: string;
}

const suffix = /(\.(cu|cuh|wgsl))?\.hbs$/;

/** The name under which a template file is known, or undefined if it is none. */
export function templateName(path: string): string | undefined {
  return suffix.test(path) ? path.replace(suffix, '') : undefined;
}
