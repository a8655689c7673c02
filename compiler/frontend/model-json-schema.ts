import { z } from 'zod';
import { modelSchema } from './model-schema.ts';

/** model.json version 1 as JSON Schema, for editors: generated/schema/model-v1.schema.json. */
export function modelJsonSchema(): string {
  const schema = z.toJSONSchema(modelSchema, { io: 'input', target: 'draft-2020-12' });
  return `${JSON.stringify({ title: 'quikc model.json, version 1', ...schema }, null, 2)}\n`;
}
