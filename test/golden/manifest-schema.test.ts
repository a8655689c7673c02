import { expect, test } from 'vitest';
import { manifestJsonSchema } from '../../compiler/package/manifest-json-schema.ts';

test('generated/schema/manifest-v1.schema.json is what readers of a bundle check', async () => {
  await expect(manifestJsonSchema()).toMatchFileSnapshot('../../generated/schema/manifest-v1.schema.json');
});
