import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noOverrides } from '../../../../compiler/frontend/layer-rule.ts';
import { loadGraph } from '../../../../compiler/load-graph.ts';
import { mutate } from '../../checkpoint/mutate.ts';
import {
  llamaShapes,
  saveConfig,
  saveShards,
  smallConfig,
  smallGguf,
  smallMetadata,
} from './make-checkpoint.ts';

/** Mutations of each file: QUIKC_FUZZ=100000 npx vitest run mutations takes a quarter of an hour. */
const rounds = Number(process.env['QUIKC_FUZZ'] ?? 120);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-mutations-'));
  saveConfig(folder, smallConfig);
  saveShards(folder, llamaShapes(), 2);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const index = 'model.safetensors.index.json';
const { 'lm_head.weight': _head, ...tied } = llamaShapes({
  hidden: 64,
  ffn: 64,
  layers: 1,
  q: 64,
  kv: 64,
  vocab: 32,
});

test.each<readonly [string, () => Uint8Array]>([
  ['config.json', () => Buffer.from(JSON.stringify(smallConfig))],
  [
    index,
    () =>
      Buffer.from(
        JSON.stringify({ weight_map: { 'model.norm.weight': 'model-00001-of-00002.safetensors' } }),
      ),
  ],
  ['small.gguf', () => smallGguf({ metadata: smallMetadata('llama'), shapes: tied })],
])(
  `${rounds} mutations of %s: a graph, or faults with codes and places`,
  { timeout: 3_600_000 },
  async (name, make) => {
    const seed = make();
    const file = name.endsWith('.gguf') ? join(folder, name) : folder;
    let refused = 0;
    for (let round = 0; round < rounds; round++) {
      writeFileSync(join(folder, name), mutate(seed, round));
      const loaded = await loadGraph({ file, overrides: noOverrides });
      if (loaded.ok) continue;
      refused += 1;
      for (const fault of loaded.error) {
        if (!/^QK(1|2)[0-9][0-9]$/.test(fault.code) || fault.file === undefined || fault.hint === undefined)
          throw new Error(`round ${round}: ${JSON.stringify(fault)}`);
      }
    }
    expect(refused).toBeGreaterThan(rounds / 3);
    if (name === 'config.json') saveConfig(folder, smallConfig);
    if (name === index) saveShards(folder, llamaShapes(), 2);
  },
);
