import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { modelJsonSchema } from '../../compiler/frontend/model-json-schema.ts';
import { modelSchema } from '../../compiler/frontend/model-schema.ts';

test('generated/schema/model-v1.schema.json is what the compiler checks', async () => {
  await expect(modelJsonSchema()).toMatchFileSnapshot('../../generated/schema/model-v1.schema.json');
});

test('every JSON example of docs/model-json.md is a model', async () => {
  const text = await readFile('docs/model-json.md', 'utf8');
  const examples = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json]) => JSON.parse(json ?? ''));
  expect(examples.length).toBeGreaterThanOrEqual(3);
  for (const example of examples) expect(modelSchema.safeParse(example).error?.issues).toBeUndefined();
});
