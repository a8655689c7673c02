// From weights to a program's buffers: pack_quik.py packs and writes the file, web/ opens it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { writeBundle } from '../../../../compiler/package/write-bundle.ts';
import { webgpu } from '../../../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../../compile-fixture.ts';
import { hasNumpy } from '../pack-in-numpy.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-packed-')));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const program = `
import json, sys
import numpy as np
sys.dont_write_bytecode = True
sys.path.insert(0, 'bundle/packing')
from pack_quik import pack_quik, save_packed
manifest = json.load(open('bundle/manifest.json'))
random = np.random.default_rng(1)
packed = {}
for layer in manifest['layers']:
    for repetition in range(layer.get('repeat', {'count': 1})['count']):
        weights = random.standard_normal((layer['n'], layer['k']), np.float32)
        columns = list(range(layer['outliers']['count']))
        packed[layer['id'], repetition] = pack_quik(layer, manifest['dtype'], weights, outliers=columns)
for argument, data in packed['layers/mlp.down_proj', 3].items():
    open(argument, 'wb').write(data)
save_packed('packed.safetensors', manifest, packed)
`;

test.skipIf(!hasNumpy && !process.env['CI'])(
  'every layer that pack_quik.py saved is found, and has the bytes that it packed',
  async () => {
    const { manifest, files } = await compileFixture(tinyLlama, { target: webgpu });
    // The search for clipped scales would take most of the time, and is not what this is about.
    const plain = JSON.stringify(manifest).replaceAll('"clip":"search"', '"clip":"none"');
    writeBundle(join(root, 'bundle'), new Map([...files, ['manifest.json', Buffer.from(plain)]]));
    const { status, stderr } = spawnSync('python3', ['-c', program], { cwd: root, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const web = await import(/* @vite-ignore */ pathToFileURL(join(root, 'bundle', 'web', 'index.js')).href);
    const opened = await web.openSafetensors(readFileSync(join(root, 'packed.safetensors')));
    for (const layer of Object.keys(web.layers)) {
      for (let number = 0; number < 4; number++) {
        const sizes = Object.entries(opened.weights(layer, number) as Record<string, Uint8Array>);
        expect(Object.fromEntries(sizes.map(([name, { length }]) => [name, length]))).toEqual(
          web.layers[layer].bytes,
        );
      }
    }
    const found: Record<string, Uint8Array> = opened.weights('layers/mlp.down_proj', 3);
    for (const [argument, bytes] of Object.entries(found))
      expect(Buffer.compare(bytes, readFileSync(join(root, argument))), argument).toBe(0);
  },
);
