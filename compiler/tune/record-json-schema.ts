import { z } from 'zod';
import { tuningRecordSchema } from '../../ir/tuning-record-schema.ts';

/** A tuning record of format 1 as JSON Schema: generated/schema/tuning-record-v1.schema.json. */
export function recordJsonSchema(): string {
  const schema = z.toJSONSchema(tuningRecordSchema, { target: 'draft-2020-12' });
  return `${JSON.stringify({ title: 'quikc tuning record, format 1', ...schema }, null, 2)}\n`;
}
