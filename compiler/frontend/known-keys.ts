import { z } from 'zod';

/** The fields that an object at `path` of a document may have, for "did you mean". */
export function knownKeys(
  schema: z.ZodType,
  document: unknown,
  path: readonly PropertyKey[],
): readonly string[] {
  let current = unwrap(schema, document);
  let value = document;
  for (const segment of path) {
    value = value !== null && typeof value === 'object' ? Reflect.get(value, segment) : undefined;
    const next = child(current, segment);
    if (next === undefined) return [];
    current = unwrap(next, value);
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

function child(schema: z.core.$ZodType, segment: PropertyKey): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodObject)
    return Object.hasOwn(schema.shape, segment) ? schema.shape[String(segment)] : undefined;
  if (schema instanceof z.ZodArray) return schema.element;
  return undefined;
}

/** Through optional and default, and into the branch of a union that `value` is an instance of in kind. */
function unwrap(schema: z.core.$ZodType, value: unknown): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return unwrap(schema.def.innerType, value);
  if (schema instanceof z.ZodUnion) {
    const branches = schema.options.map((option: z.core.$ZodType) => unwrap(option, value));
    const objects = branches.filter((branch) => branch instanceof z.ZodObject);
    return objects.find((branch) => isBranchOf(branch, value)) ?? objects[0] ?? schema;
  }
  return schema;
}

/** True if the literals of an object schema (its discriminator) agree with `value`. */
function isBranchOf(branch: z.ZodObject, value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  return Object.entries(branch.shape).every(
    ([key, field]) => !(field instanceof z.ZodLiteral) || field.values.has(Reflect.get(value, key)),
  );
}
