import type { z } from 'zod';

/** What a template sees under a name: enough of a zod schema to check templates against it. */
export type ViewShape =
  | { readonly kind: 'scalar' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'array'; readonly element: ViewShape }
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, ViewShape> };

interface SchemaDefinition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly element?: z.core.$ZodType;
}

/** The shape of a view's schema. Views hold strings, numbers, booleans, arrays and objects; anything else is refused. */
export function viewShape(schema: z.core.$ZodType): ViewShape {
  const definition = schema._zod.def as SchemaDefinition;
  switch (definition.type) {
    case 'string':
    case 'number':
      return { kind: 'scalar' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'array':
      if (definition.element === undefined) break;
      return { kind: 'array', element: viewShape(definition.element) };
    case 'object': {
      const fields = Object.entries(definition.shape ?? {}).map(
        ([key, field]) => [key, viewShape(field)] as const,
      );
      return { kind: 'object', fields: new Map(fields) };
    }
  }
  throw new TypeError(`a view has no field of type ${definition.type}`);
}
