// Numbers, names and references as every part of a model.json has them.
import { z } from 'zod';

/** Products of two sizes stay exact in a double (2^48), and nothing real comes near. */
export const largestSize = 2 ** 24;
export const mostRepetitions = 10_000;

const namePattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
export const name = z.string().min(1).max(128).regex(namePattern);
export const size = z.int().min(1).max(largestSize);
export const shortText = z.string().min(1).max(512);

/** In FP32, as kernels have it: what rounds to zero there is no epsilon. */
export const eps = z
  .number()
  .min(0)
  .max(1)
  .refine(
    (value) => value === 0 || Math.fround(value) > 0,
    '0, or at least 1.5e-45: kernels hold it in FP32',
  );

export const weight = z.strictObject({
  file: shortText.optional().describe('relative to the folder of model.json'),
  tensor: shortText.describe('{layer} stands for the repetition'),
});

export type WeightJson = z.output<typeof weight>;
