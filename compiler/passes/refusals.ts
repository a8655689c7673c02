import type { Origin } from '../../ir/graph.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { DiagnosticCode } from '../diagnostics/diagnostic.ts';
import { placeOf } from '../diagnostics/origin.ts';
import type { PassContext } from './pass.ts';

/** Layer names that one diagnostic lists. */
const mostNames = 4;

/** Collects what is refused of layers, so that one field of the model that is wrong for many is told of once. */
export class Refusals {
  private readonly causes = new Map<
    string,
    { readonly report: (names: string) => void; readonly layers: string[] }
  >();
  private readonly context: PassContext;

  constructor(context: PassContext) {
    this.context = context;
  }

  add(
    layer: string,
    code: DiagnosticCode,
    origin: Origin,
    reason: string,
    advice: { expected?: string; hint?: string },
  ): void {
    const key = JSON.stringify([code, origin, reason]);
    const known = this.causes.get(key);
    if (known !== undefined) known.layers.push(layer);
    else {
      const report = (names: string) =>
        this.context.report(
          diagnose(code, { ...placeOf(origin), message: `${reason}: ${names}`, ...advice }),
        );
      this.causes.set(key, { report, layers: [layer] });
    }
  }

  reportAll(): void {
    for (const { report, layers } of this.causes.values()) {
      const more = layers.length > mostNames ? ` and ${layers.length - mostNames} more` : '';
      report(`${layers.slice(0, mostNames).join(', ')}${more}`);
    }
  }
}
