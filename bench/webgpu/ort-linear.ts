import { createRequire } from 'node:module';
import { join } from 'node:path';
import { matMulNBitsModel, type NBitsWeights } from './onnx-model.ts';

interface OrtTensor {
  readonly data: Float32Array;
}

interface OrtSession {
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

interface Ort {
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(model: Uint8Array, options: unknown): Promise<OrtSession> };
}

/** One MatMulNBits on ONNX Runtime's WebGPU provider: activations up, the product, result down. */
export interface OrtLinear {
  readonly name: string;
  run(x: Float32Array, m: number): Promise<Float32Array>;
  release(): Promise<void>;
}

export interface OrtRuntime {
  readonly version: string;
  load(weights: NBitsWeights, accuracy: number): Promise<OrtLinear>;
}

export function openOrt(folder: string): OrtRuntime {
  const require = createRequire(join(folder, 'package.json'));
  const { Tensor, InferenceSession } = require(folder) as Ort;
  const { version } = require(join(folder, 'package.json')) as { version: string };
  return {
    version,
    async load(weights, accuracy) {
      const session = await InferenceSession.create(matMulNBitsModel(weights, accuracy), {
        executionProviders: ['webgpu'],
        logSeverityLevel: 3,
      });
      return {
        name: `accuracy level ${accuracy}`,
        async run(x, m) {
          const { Y } = await session.run({ A: new Tensor('float32', x, [m, weights.k]) });
          if (Y === undefined) throw new Error('the model has an output Y');
          return Y.data;
        },
        release: () => session.release(),
      };
    },
  };
}
