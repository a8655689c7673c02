import { z } from 'zod';
import type { BufferArgument } from '../../ir/call-contract.ts';

export const bindingsSchema = z.array(
  z.strictObject({
    binding: z.int().positive(),
    name: z.string(),
    access: z.string(),
    type: z.string(),
    meaning: z.string(),
  }),
);

/** Buffers as bindings of group 0, in order from 1 on: 0 is the token count. `types`: what each is an array of. */
export function wgslBindings(
  buffers: readonly BufferArgument[],
  types: Readonly<Record<string, string>>,
): z.infer<typeof bindingsSchema> {
  return buffers.map(({ name, access, meaning }, index) => ({
    binding: index + 1,
    name,
    access: access === 'read' ? ('read' as const) : ('read_write' as const),
    type: types[name] ?? 'u32',
    meaning,
  }));
}
