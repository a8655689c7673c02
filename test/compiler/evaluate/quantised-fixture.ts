import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openByteSource } from '../../../compiler/checkpoint/byte-source.ts';
import { readFloats } from '../../../compiler/checkpoint/read-floats.ts';
import { readSafetensors } from '../../../compiler/checkpoint/read-safetensors.ts';
import { openCheckpoint } from '../../../compiler/frontend/open-model.ts';
import { modelsFolder } from '../../support/reference-models.ts';

export interface QuantisedChoice {
  /** Outlier columns of every linear: those of the largest max|x| in calibration. */
  readonly outliers: number;
  readonly scheme?: 'quik-4b' | 'quik-8b';
  /** Linears that put back what the MLP widened, in 8 bit. */
  readonly eightBitDown?: boolean;
}

/** A reference model as a model.json that lists outlier columns, in a folder of its own beside links to its weights. */
export async function writeQuantisedModel(name: string, choice: QuantisedChoice): Promise<string> {
  const source = resolve(modelsFolder, name);
  const opened = await openCheckpoint(source);
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  const folder = mkdtempSync(join(tmpdir(), 'quikc-eval-'));
  for (const file of readdirSync(source)) symlinkSync(join(source, file), join(folder, file));
  const { scheme = 'quik-4b', outliers, eightBitDown = false } = choice;
  const plain = (preset: string) => ({ preset, weight: { clip: 'none' } });
  const columns = [...readColumns(join(source, 'act_absmax.safetensors'), outliers)].map(([layer, list]) => ({
    match: layer,
    outliers: { columns: list },
  }));
  const model = {
    ...opened.value.model,
    scheme: plain(scheme),
    outliers: { count: 0 },
    layers: [
      ...(eightBitDown ? [{ match: '*.{down_proj,fc2,dense_4h_to_h}', scheme: plain('quik-8b') }] : []),
      ...(outliers === 0 ? [] : columns),
    ],
  };
  const file = join(folder, 'model.json');
  writeFileSync(file, JSON.stringify(model));
  return file;
}

export function removeQuantisedModel(file: string): void {
  rmSync(resolve(file, '..'), { recursive: true, force: true });
}

/** By quikc's name of each linear. Falcon's fused q/k/v stand for the three. */
function readColumns(file: string, count: number): ReadonlyMap<string, readonly number[]> {
  const bytes = openByteSource(file);
  const tensors = bytes.ok ? readSafetensors(bytes.value) : bytes;
  if (!tensors.ok) throw new Error(JSON.stringify(tensors.error));
  return new Map(
    tensors.value.flatMap((tensor) => {
      const values = readFloats(tensor);
      if (!values.ok) throw new Error(JSON.stringify(values.error));
      const ranked = [...values.value.keys()].sort((a, b) => values.value[b]! - values.value[a]! || a - b);
      const list = ranked.slice(0, count).sort((a, b) => a - b);
      return namesOf(tensor.name).map((name) => [name, list] as const);
    }),
  );
}

function namesOf(tensor: string): readonly string[] {
  const name = tensor.replace(/^(model\.decoder\.|model\.|transformer\.)/, '');
  return name.endsWith('.query_key_value')
    ? ['q_proj', 'k_proj', 'v_proj'].map((part) => name.replace('query_key_value', part))
    : [name];
}
