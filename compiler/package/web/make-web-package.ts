import { IndentationText, Project, QuoteKind, type SourceFileStructure } from 'ts-morph';
import type { Manifest } from '../../../ir/manifest.ts';
import type { BundleFiles } from '../make-bundle.ts';
import { describeWeb } from './describe-web.ts';
import { writeModule, writeShaders } from './write-module.ts';
import { writeTypes } from './write-types.ts';

/**
 * The folder web/ of a bundle: an npm package that runs the kernels in a browser, Node or Deno, with nothing of
 * quikc's. Only what depends on the bundle is written here; `runtime` is the same in each and copied.
 */
export function makeWebPackage(
  manifest: Manifest,
  texts: ReadonlyMap<string, string>,
  runtime: ReadonlyMap<string, Uint8Array>,
): BundleFiles {
  const { model, kernels, provenance } = manifest;
  const bundle = describeWeb(manifest);
  const banner = `// ${JSON.stringify(model).slice(1, -1)} for WebGPU. Written by quikc ${provenance.quikc}; not to be edited.`;
  const project = new Project({
    useInMemoryFileSystem: true,
    skipLoadingLibFiles: true,
    compilerOptions: { allowJs: true },
    manipulationSettings: { indentationText: IndentationText.TwoSpaces, quoteKind: QuoteKind.Single },
  });
  const print = (path: string, structure: SourceFileStructure) =>
    project.createSourceFile(path, structure).getFullText();
  const written = {
    'package.json': `${JSON.stringify(describePackage(model, provenance.quikc), null, 2)}\n`,
    'index.js': print('index.js', writeModule(bundle, kernels, banner)),
    'shaders.js': print('shaders.js', writeShaders(texts, banner)),
    'index.d.ts': print('index.d.ts', writeTypes(bundle, banner)),
  };
  const all = [
    ...runtime,
    ...Object.entries(written).map(([name, text]) => [name, Buffer.from(text)] as const),
  ];
  return new Map(all.map(([name, bytes]) => [`web/${name}`, bytes]));
}

function describePackage(model: string, version: string) {
  const slug = model.toLowerCase().replace(/[^a-z0-9-]+/g, '-');
  return {
    name: `${slug.replace(/^-+|-+$/g, '') || 'model'}.webgpu`,
    version,
    description: `Kernels of ${model} for WebGPU, written by quikc`,
    type: 'module',
    exports: { '.': { types: './index.d.ts', default: './index.js' }, './kernels/*': './kernels/*' },
    types: './index.d.ts',
    sideEffects: false,
  };
}
