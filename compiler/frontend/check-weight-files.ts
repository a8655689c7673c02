import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { isInsideFolder } from '../support/is-inside-folder.ts';
import type { ModelJson } from './model-schema.ts';

/** Weight files must lie in the model's own folder: a model.json from elsewhere cannot name files of this machine. */
export function checkWeightFiles(model: ModelJson): readonly Diagnostic[] {
  const named: (readonly [string, string])[] = (model.weights?.files ?? []).map((file, index) => [
    `/weights/files/${index}`,
    file,
  ]);
  model.graph?.blocks.forEach((block, blockIndex) => {
    block.nodes.forEach((node, index) => {
      const pointer = `/graph/blocks/${blockIndex}/nodes/${index}`;
      if ('weight' in node && node.weight?.file !== undefined)
        named.push([`${pointer}/weight/file`, node.weight.file]);
      if ('scaling' in node && node.scaling?.kind === 'divisors' && node.scaling.weight?.file !== undefined)
        named.push([`${pointer}/scaling/weight/file`, node.scaling.weight.file]);
      if ('bias' in node && typeof node.bias === 'object' && node.bias.file !== undefined) {
        named.push([`${pointer}/bias/file`, node.bias.file]);
      }
    });
  });
  return named
    .filter(([, file]) => !isInsideFolder(file))
    .map(([pointer, file]) =>
      diagnose('QK115', { pointer, message: `${quoteText(file)} leaves the folder of the model` }),
    );
}
