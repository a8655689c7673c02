import { targets } from '../../targets/index.ts';
import {
  linearShader,
  quantizeShader,
  renderShader,
  scheduledLinear,
  type WgslSpec,
  withSubgroups,
  withVectors,
} from '../webgpu/shader-workbench.ts';
import { emitModel, goldenFiles } from './golden-files.ts';
import { goldenModels } from './golden-models.ts';

const packedTile = {
  kind: 'broadcast-tile',
  threads: 32,
  tokens: 8,
  lanes: 4,
  dot: 'packed',
  halves: 'words',
} as const;

/** Kernels of which no model shows the text: their schedules are for adapters that have more, or less, than most. */
const explicit: Readonly<Record<string, WgslSpec>> = {
  'broadcast-tile-w4a4': scheduledLinear(
    {},
    { kind: 'broadcast-tile', threads: 32, tokens: 8, lanes: 4, dot: 'floats', halves: 'words' },
  ),
  'broadcast-tile-packed-w4a4': scheduledLinear({}, packedTile),
  'sharded-f16-w4a4': withVectors(linearShader({ n: 57_344, k: 8192, outliers: 256 }, [16, 8, 1])),
  'quantize-subgroups-rms-norm-a4': withSubgroups(
    quantizeShader({ prologue: { op: 'rms-norm', eps: 1e-5 } }, 64),
  ),
  'slice-split-scalar-w4a4': scheduledLinear(
    {},
    { kind: 'slice-split', slices: 4, channelThreads: 32, tokens: 1, dot: 'scalar', halves: 'words' },
  ),
  'register-tile-scalar-w8a8': scheduledLinear(
    { weightBits: 8, activationBits: 8 },
    {
      kind: 'register-tile',
      channelThreads: 8,
      tokenThreads: 8,
      tokensPerThread: 2,
      dot: 'scalar',
      halves: 'words',
    },
  ),
  'broadcast-tile-w8a8': scheduledLinear(
    { weightBits: 8, activationBits: 8, dtype: 'bf16', epilogue: [{ op: 'residual' }] },
    { kind: 'broadcast-tile', threads: 64, tokens: 8, lanes: 8, dot: 'floats', halves: 'words' },
  ),
};

/** Every file that generated/golden/ must hold, by its path below that folder. */
export async function expectedGoldens(): Promise<ReadonlyMap<string, string>> {
  const all = new Map<string, string>();
  for (const model of goldenModels) {
    for (const target of targets) {
      const emitted = await emitModel(model, target);
      for (const [path, text] of goldenFiles(emitted)) all.set(`${model.name}.${target.id}/${path}`, text);
    }
  }
  for (const [name, spec] of Object.entries(explicit))
    all.set(`explicit.webgpu/${name}.wgsl`, renderShader(spec));
  return all;
}
