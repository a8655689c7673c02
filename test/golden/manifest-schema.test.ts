import { expect, test } from 'vitest';
import { manifestJsonSchema } from '../../compiler/package/manifest-json-schema.ts';
import { recordJsonSchema } from '../../compiler/tune/record-json-schema.ts';

test('generated/schema/manifest-v1.schema.json is what readers of a bundle check', async () => {
  await expect(manifestJsonSchema()).toMatchFileSnapshot('../../generated/schema/manifest-v1.schema.json');
});

test('generated/schema/tuning-record-v1.schema.json is what readers of records check', async () => {
  await expect(recordJsonSchema()).toMatchFileSnapshot('../../generated/schema/tuning-record-v1.schema.json');
});
