import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

// What the documents promise: links that lead somewhere, scripts that exist, a lockfile that any registry can serve.

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'generated/README.md',
  ...['README', 'bundle', 'layouts', 'model-json', 'numerics', 'conformance', 'quantising'].map(
    (name) => `docs/${name}.md`,
  ),
];
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};
const lockfile = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  readonly packages: Readonly<Record<string, { readonly integrity?: string; readonly resolved?: string }>>;
};

/** Links of a document to files that are not there, and `npm run` of scripts that are not. */
function findBrokenPromises(path: string, text: string): readonly string[] {
  const links = path.endsWith('.md')
    ? [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(
        ([, link = '']) => link,
      )
    : [];
  const scripts = [...text.matchAll(/npm run (?:-s )?([a-z:]+)/g)].map(([, script = '']) => script);
  return [
    ...links
      .filter((link) => !link.includes('://') && !existsSync(join(dirname(path), link)))
      .map((link) => `${path} links to ${link}`),
    ...scripts.filter((script) => !(script in manifest.scripts)).map((script) => `${path} runs ${script}`),
  ];
}

test.each([...documents, '.ci/run'])('%s promises nothing that is not there', (path) => {
  expect(findBrokenPromises(path, readFileSync(path, 'utf8'))).toEqual([]);
});

test('a broken link and a script that is gone are found', () => {
  expect(findBrokenPromises('docs/README.md', '[a](bundle.md) [b](bundel.md) `npm run chekc`')).toEqual([
    'docs/README.md links to bundel.md',
    'docs/README.md runs chekc',
  ]);
});

test('ARCHITECTURE.md is a map, not a book', () => {
  expect(readFileSync('ARCHITECTURE.md', 'utf8').split('\n').length).toBeLessThanOrEqual(150);
});

describe('package.json', () => {
  const dependencies = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });

  test.each(dependencies)('pins %s, and CONTRIBUTING.md says why it is there', (name, version) => {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(readFileSync('CONTRIBUTING.md', 'utf8')).toContain(`\`${name}\``);
  });

  test('keeps to 14 scripts', () => expect(Object.keys(manifest.scripts).length).toBeLessThanOrEqual(14));

  test('has a lockfile with a digest of everything and the address of nothing', () => {
    const locked = Object.entries(lockfile.packages).filter(([path]) => path !== '');
    expect(locked.length).toBeGreaterThan(dependencies.length);
    expect(locked.filter(([, { integrity }]) => integrity === undefined)).toEqual([]);
    expect(locked.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });
});
