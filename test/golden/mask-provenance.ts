const line = /^(\/\/ made by {4}quikc )\S+(, templates )[0-9a-f]{12}(, spec [0-9a-f]{12})$/gm;

/**
 * A kernel's text with quikc's version and the digest of all templates taken out of its banner. Both change with every
 * release and with every edit of any template: left in, a change to one slot would show up in every golden file, and
 * the files in which code changed would be lost among them. The digest of the kernel's own spec stays.
 */
export function maskProvenance(text: string): string {
  return text.replace(line, '$1<version>$2<digest>$3');
}
