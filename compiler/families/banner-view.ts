import { z } from 'zod';
import type { ViewContext } from './family.ts';

export const bannerSchema = z.strictObject({
  id: z.string(),
  contract: z.array(z.string()),
  serves: z.string(),
  scheme: z.string(),
  why: z.array(z.string()),
  version: z.string(),
  templatesDigest: z.string(),
  specHash: z.string(),
});

/** The comment block on top of an emitted kernel. */
export function bannerView(context: ViewContext, contract: readonly string[]): z.infer<typeof bannerSchema> {
  return {
    id: context.id,
    contract: [...contract],
    serves: commentText(context.serves.join(', ')),
    scheme: commentText(context.scheme),
    why: context.whyThisSchedule.map(commentText),
    version: context.version,
    templatesDigest: context.templatesDigest.slice(0, 12),
    specHash: context.specHash.slice(0, 12),
  };
}

/** Text fit for a `//` comment: a name from a model must not end the line, splice the next one, or hide in controls. */
function commentText(text: string): string {
  return text.replace(/[^\x20-\x7e]|\\/g, '?').slice(0, 160);
}
