import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { canonicalJson, sha256 } from '../support/hash.ts';
import { type TemplateSet, templateName } from './template-set.ts';

/** Reads every template below `folder`. Templates are part of quikc itself, so a missing folder is our bug. */
export function loadTemplates(folder: string): TemplateSet {
  const sources = new Map<string, string>();
  const paths = new Map<string, string>();
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) {
    const path = relative(folder, file).split(sep).join('/');
    const name = templateName(path);
    if (name === undefined) continue;
    sources.set(name, readFileSync(file, 'utf8'));
    paths.set(name, path);
  }
  return { sources, paths, digest: sha256(canonicalJson([...sources])) };
}
