import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importCheckpoint } from '../../../../compiler/commands/import.ts';
import type { Graph } from '../../../../ir/graph.ts';
import { printGraph } from '../../../../ir/print-graph.ts';
import { runCommand } from '../../commands/run-command.ts';
import { llamaShapes, saveConfig, saveShards, smallConfig } from './make-checkpoint.ts';
import { graphOf } from './read-checkpoint.ts';
import { useCheckpointFolder } from './use-checkpoint-folder.ts';

const { folder, saveFolder } = useCheckpointFolder();

describe('quikc import', () => {
  const run = (path: string, output: string) =>
    runCommand((context) => importCheckpoint(path, { output }, context));

  test('writes what compiles to the same graph, with weights relative to the file', async () => {
    const checkpoint = join(folder(), 'llama');
    mkdirSync(checkpoint);
    saveConfig(checkpoint, smallConfig);
    saveShards(checkpoint, llamaShapes(), 3);
    const output = join(folder(), 'model.json');
    expect(await run(checkpoint, output)).toMatchObject({ code: 0, out: `${output}: written\n` });
    const { weights: named } = JSON.parse(readFileSync(output, 'utf8')) as Record<string, unknown>;
    const shards = [1, 2, 3].map((shard) => `llama/model-0000${shard}-of-00003.safetensors`);
    expect(named).toEqual({ files: shards });
    const plain = (graph: Graph) => printGraph(graph).replaceAll(/ +@\S*/g, '');
    expect(plain(await graphOf(output))).toBe(plain(await graphOf(checkpoint)));
    expect((await run(checkpoint, output)).code).toBe(0);
  });

  test('leaves another file alone, and names no weights that it cannot reach', async () => {
    saveFolder();
    const output = join(folder(), 'model.json');
    writeFileSync(output, '{}');
    expect((await run(folder(), output)).err).toContain('error QK167');
    expect(readFileSync(output, 'utf8')).toBe('{}');
    const elsewhere = join(folder(), 'elsewhere');
    mkdirSync(elsewhere);
    const { code, err } = await run(folder(), join(elsewhere, 'model.json'));
    expect(code).toBe(0);
    expect(err).toContain('warning QK168');
    expect(readFileSync(join(elsewhere, 'model.json'), 'utf8')).not.toContain('weights');
    expect((await run(folder(), join(folder(), 'absent', 'model.json'))).err).toContain('error QK167');
  });

  test('refuses what is no checkpoint', async () => {
    expect((await run('test/fixtures/models/tiny-llama.json', 'x.json')).err).toContain('error QK100');
  });
});
