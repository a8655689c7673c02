import { z } from 'zod';
import { manifestSchema } from '../../ir/manifest-schema.ts';

/** manifest.json of ABI version 1 as JSON Schema: generated/schema/manifest-v1.schema.json. */
export function manifestJsonSchema(): string {
  const schema = z.toJSONSchema(manifestSchema, { target: 'draft-2020-12' });
  return `${JSON.stringify({ title: 'quikc manifest.json, ABI version 1', ...schema }, null, 2)}\n`;
}
