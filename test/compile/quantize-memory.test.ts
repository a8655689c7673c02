// What quantising keeps in memory (docs/quantising.md): of a model with one wide linear a layer, for that one's Hessian counts.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createSafetensors } from '../../compiler/checkpoint/write-safetensors.ts';
import { random32, streamKey } from '../../compiler/reference/random.ts';
import { bytesOf } from '../../compiler/support/bytes-of.ts';

const [hidden, wide, vocab, layers, tokens] = [768, 4096, 16_384, 3, 1024] as const;
const root = mkdtempSync(join(tmpdir(), 'quikc-memory-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function writeModel(): void {
  const shapes: [string, number[]][] = [['model.embed_tokens', [vocab, hidden]]];
  for (let layer = 0; layer < layers; layer++) {
    const name = (rest: string) => `model.layers.${layer}.${rest}`;
    for (const linear of ['q', 'k', 'v', 'o'])
      shapes.push([name(`self_attn.${linear}_proj`), [hidden, hidden]]);
    shapes.push([name('mlp.gate_proj'), [wide, hidden]], [name('mlp.up_proj'), [wide, hidden]]);
    shapes.push([name('mlp.down_proj'), [hidden, wide]]);
    shapes.push([name('input_layernorm'), [hidden]], [name('post_attention_layernorm'), [hidden]]);
  }
  shapes.push(['model.norm', [hidden]], ['lm_head', [vocab, hidden]]);
  const tensors = shapes.map(([name, shape]) => ({ name: `${name}.weight`, dtype: 'F16', shape }));
  const created = createSafetensors(join(root, 'model.safetensors'), tensors);
  if (!created.ok) throw new Error(created.error.message);
  const key = streamKey(7, 1);
  for (const { name, shape } of tensors) {
    const values = new Uint16Array(shape.reduce((all, extent) => all * extent, 1));
    // Norms are 1; the others have sizes from 2^-8 to 2^-5, and any sign.
    for (let at = 0; at < values.length; at++) {
      const word = random32(key, at);
      values[at] = shape.length === 1 ? 0x3c00 : (word & 0x83ff) | ((7 + ((word >>> 10) % 3)) << 10);
    }
    const written = created.value.write(name, bytesOf(values));
    if (!written.ok) throw new Error(written.error.message);
  }
  const finished = created.value.finish();
  if (!finished.ok) throw new Error(finished.error.message);
  const config = {
    ...{
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      torch_dtype: 'float16',
      hidden_act: 'silu',
    },
    ...{ hidden_size: hidden, intermediate_size: wide, num_hidden_layers: layers, vocab_size: vocab },
    ...{ num_attention_heads: 12, num_key_value_heads: 12, rms_norm_eps: 1e-5, max_position_embeddings: 512 },
  };
  writeFileSync(join(root, 'config.json'), JSON.stringify(config));
  const ids = Uint16Array.from({ length: tokens }, (_, at) => random32(key, at) % vocab);
  writeFileSync(join(root, 'ids.bin'), bytesOf(ids));
}

/** MiB that a run of quikc has in memory at most. */
function peakOf(...args: readonly string[]): number {
  // A process that was forked off counts its parent's memory in maxRSS; Linux knows what it had since.
  const tell = `import { readFileSync } from 'node:fs';
    process.on('exit', () => {
      let peak = process.resourceUsage().maxRSS;
      try { peak = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]; } catch {}
      console.error('peak', peak);
    });`;
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(tell)}`, 'dist/cli.js', ...args],
    { encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
  // Workers tell too, of the same process.
  return Math.max(...[...stderr.matchAll(/^peak (\d+)$/gm)].map(([, kib]) => Number(kib) / 1024));
}

test('two tensors, one Hessian, the activations of a layer', { timeout: 300_000 }, () => {
  writeModel();
  const mebibytes = (values: number, bytes: number) => (values * bytes) / 2 ** 20;
  const bound =
    2 * mebibytes(vocab * hidden, 4) + mebibytes(wide * wide, 8) + 2 * mebibytes(tokens * hidden, 8);
  // What Node takes without a model; two threads' tiles, the values of a window, and what waits to be collected: some 190. A second
  // Hessian would be 128 more.
  const runtime = peakOf('--version') + 260;
  const peak = peakOf(
    ...['quantize', root, '--tokens', join(root, 'ids.bin'), '--window', '256', '--threads', '2'],
    ...['--outliers', '64', '-o', join(root, 'quantised'), '--quiet'],
  );
  process.stdout.write(
    `quantize had ${peak.toFixed(0)} MiB; ${bound.toFixed(0)} and Node's ${runtime.toFixed(0)}\n`,
  );
  expect(peak).toBeLessThan(bound + runtime);
  expect(peak).toBeGreaterThan(mebibytes(wide * wide, 8));
});
