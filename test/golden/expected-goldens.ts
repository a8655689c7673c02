import { targets } from '../../targets/index.ts';
import { emitModel, goldenFiles } from './golden-files.ts';
import { goldenModels } from './golden-models.ts';

/** Every file that generated/golden/ must hold, by its path below that folder. */
export async function expectedGoldens(): Promise<ReadonlyMap<string, string>> {
  const all = new Map<string, string>();
  for (const model of goldenModels) {
    for (const target of targets) {
      const emitted = await emitModel(model, target);
      for (const [path, text] of goldenFiles(emitted)) all.set(`${model.name}.${target.id}/${path}`, text);
    }
  }
  return all;
}
